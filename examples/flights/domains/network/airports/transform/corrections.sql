-- An intermediate step, visible in this product only. Each correction is one that the record itself proves:
--   DVT and MYF lost the sign of their longitude, which put them, and their time zone, into China;
--   EEN has latitude and longitude swapped, and no time zone.
select faa, lat, lon, tz, time_zone
from (
    values
    ('DVT', cast(33.4117 as double), cast(-112.457 as double), cast(-7 as integer), 'America/Phoenix'),
    ('MYF', 32.4759, -117.759, -8, 'America/Los_Angeles'),
    ('EEN', 42.898333, -72.270833, -5, 'America/New_York')
) as correction (faa, lat, lon, tz, time_zone)
