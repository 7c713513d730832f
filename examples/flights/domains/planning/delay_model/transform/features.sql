-- An intermediate step: what the model may know. Training and scoring read the same features, so they cannot drift apart.
-- Only what is known the evening before: the schedule, and the weather (observed here, forecast in real use).
select
    flight_id,
    flight_date,
    is_late,
    flight_date <= date '2013-09-30' as is_training,
    carrier,
    origin,
    cast(local_hour as varchar) as local_hour,
    dayname(flight_date) as weekday,
    ln(distance) as log_distance,
    cast(departures_in_hour as double) as departures_in_hour,
    temp,
    coalesce(wind_gust, wind_speed) as wind,
    -- The first hundredths of an inch matter most.
    ln(1 + 100 * precip) as log_precip,
    visib
from delay_causes
