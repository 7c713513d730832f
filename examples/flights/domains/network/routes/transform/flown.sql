-- Both ports count the same flights, so they count them once, here.
select
    origin,
    dest,
    carrier,
    min(distance) as distance,
    count(*) as flights,
    count(*) filter (where status = 'landed') as landed,
    min(flight_date) as first_flight,
    max(flight_date) as last_flight
from flights
group by origin, dest, carrier
