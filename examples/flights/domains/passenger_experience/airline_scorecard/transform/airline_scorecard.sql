with figures as (
    select
        flights.carrier,
        count(*) as flights,
        round(100.0 * count(*) filter (where flights.arr_delay < 15) / count(*), 2) as on_time_percent,
        round(100.0 * count(*) filter (where flights.status = 'cancelled') / count(*), 2) as cancelled_percent,
        -- What spoils a journey: three hours late, or not at all.
        round(100.0 * count(*) filter (where flights.arr_delay >= 180 or flights.status = 'cancelled') / count(*), 2)
            as spoiled_percent,
        cast(quantile_disc(flights.arr_delay, 0.5) as integer) as median_arr_delay,
        cast(quantile_disc(flights.arr_delay, 0.95) as integer) as p95_arr_delay,
        round(avg(2013 - planes.year_built), 1) as mean_aircraft_age
    from flights
    left join planes on planes.tailnum = flights.tailnum
    group by flights.carrier
)

select
    figures.carrier,
    airlines.short_name as airline,
    figures.flights,
    figures.on_time_percent,
    figures.cancelled_percent,
    figures.spoiled_percent,
    figures.median_arr_delay,
    figures.p95_arr_delay,
    figures.mean_aircraft_age,
    -- Below a thousand flights a year, luck decides: no rank.
    case
        when figures.flights >= 1000 then cast(
            rank() over (partition by figures.flights >= 1000 order by figures.on_time_percent desc) as integer
        )
    end as reliability_rank
from figures
join airlines on airlines.carrier = figures.carrier
