-- Questions to ask of the mesh, each a query of its own:  mesh query "…"
-- A line `-- name:` starts a query; the line after it says what it shows.

-- name: three_domains
-- Who suffers most from bad visibility? Joins operations, weather and network.
select
    airlines.short_name as airline,
    count(*) filter (where hourly.visib < 3) as flights_in_fog,
    round(avg(flights.dep_delay) filter (where hourly.visib >= 10), 1) as delay_in_clear_air,
    round(avg(flights.dep_delay) filter (where hourly.visib < 3), 1) as delay_in_fog
from operations.flights as flights
join weather.hourly as hourly
    on hourly.origin = flights.origin and hourly.observed_at = date_trunc('hour', flights.scheduled_departure)
join network.airlines as airlines on airlines.carrier = flights.carrier
group by airlines.short_name
having count(*) filter (where hourly.visib < 3) >= 100
order by delay_in_fog desc;

-- name: worst_days
-- The worst days, and whether the weather was to blame. Joins operations and weather.
select punctuality.flight_date, punctuality.origin, punctuality.on_time_percent, daily.precip_total, daily.gust_max
from operations.daily_punctuality as punctuality
left join weather.daily as daily on daily.origin = punctuality.origin and daily.day = punctuality.flight_date
order by punctuality.on_time_percent
limit 10;

-- name: old_and_busy
-- Old aircraft that still work hard. Joins two products of the fleet.
select planes.manufacturer, planes.model, planes.year_built, sum(utilisation.flights) as flights
from fleet.utilisation as utilisation
join fleet.planes as planes on planes.tailnum = utilisation.tailnum
where planes.year_built < 1990 and planes.seats >= 50
group by all
order by flights desc
limit 10;

-- name: was_the_model_right
-- What the model said, and what happened. Joins planning and network.
select airlines.short_name as airline, count(*) as flights,
    round(avg(predictions.late_probability), 3) as predicted, round(avg(predictions.was_late::int), 3) as happened
from planning.delay_model.predictions as predictions
join planning.delay_causes as causes on causes.flight_id = predictions.flight_id
join network.airlines as airlines on airlines.carrier = causes.carrier
group by airlines.short_name
order by predicted desc;

-- name: weather_keeps_serving
-- How far the weather reaches: unchanged after a rejected batch.
select count(*) as hours, max(observed_at) as latest from weather.hourly;
