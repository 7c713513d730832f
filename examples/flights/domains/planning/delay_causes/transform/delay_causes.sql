with surrounded as (
    select
        flights.flight_id,
        flights.flight_date,
        flights.scheduled_departure,
        cast(extract(hour from timezone('America/New_York', flights.scheduled_departure)) as integer) as local_hour,
        flights.carrier,
        flights.origin,
        flights.dest,
        flights.distance,
        flights.status,
        flights.dep_delay,
        flights.status = 'cancelled' or flights.dep_delay >= 15 as is_late,
        hourly.observed_at is not null as has_weather,
        hourly.temp,
        hourly.wind_speed,
        hourly.wind_gust,
        hourly.precip,
        hourly.visib,
        2013 - planes.year_built as aircraft_age,
        planes.seats,
        backlog.departures_in_hour,
        round(backlog.airport_backlog, 1) as airport_backlog,
        round(backlog.airline_backlog, 1) as airline_backlog
    from flights
    join backlog on backlog.flight_id = flights.flight_id
    left join hourly
        on hourly.origin = flights.origin and hourly.observed_at = date_trunc('hour', flights.scheduled_departure)
    left join planes on planes.tailnum = flights.tailnum
)

select
    *,
    -- The first that applies. Weather comes first because it causes backlogs as well.
    case
        when not is_late then 'none'
        when visib < 3 or precip >= 0.1 or coalesce(wind_gust, wind_speed) >= 35 then 'weather'
        when airport_backlog >= 30 then 'airport congestion'
        when airline_backlog >= 30 then 'airline backlog'
        else 'unexplained'
    end as likely_cause
from surrounded
