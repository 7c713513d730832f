-- Only the batches that have not been read before: `reports__changes` is what is new since the last publication.
select
    origin,
    time_hour as observed_at,
    make_timestamp(year, month, day, hour, 0, 0) as local_hour,
    -- When daylight saving ends, the clock shows one hour twice. Both observations are right; only UTC tells them apart.
    count(*) over (partition by origin, year, month, day, hour) > 1 as is_repeated_hour,
    temp,
    dewp,
    humid,
    wind_dir,
    wind_speed,
    wind_gust,
    precip,
    pressure,
    visib
from reports__changes
