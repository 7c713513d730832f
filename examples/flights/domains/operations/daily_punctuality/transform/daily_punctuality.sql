select
    flight_date,
    origin,
    count(*) as flights,
    count(*) filter (where status = 'cancelled') as cancelled,
    count(*) filter (where status = 'diverted') as diverted,
    -- On time as the Department of Transportation counts it: at the gate less than 15 minutes late.
    count(*) filter (where arr_delay < 15) as on_time,
    round(100.0 * count(*) filter (where arr_delay < 15) / count(*), 2) as on_time_percent,
    round(avg(dep_delay), 2) as mean_dep_delay,
    cast(quantile_disc(dep_delay, 0.9) as integer) as p90_dep_delay
from flights
group by flight_date, origin
