select
    flown.dest,
    airports.name,
    count(distinct flown.carrier) as airlines,
    count(distinct flown.origin) as origins,
    cast(sum(flown.flights) as bigint) as flights,
    -- A traveller who misses the flight has another airline to turn to.
    count(distinct flown.carrier) > 1 as has_competition
from flown
join airports on airports.faa = flown.dest
group by flown.dest, airports.name
