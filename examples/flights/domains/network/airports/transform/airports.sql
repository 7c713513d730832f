-- The published list, and the four airports that it lacks although New York flies there.
with listed as (
    select *, 'published list' as record_source from published
    union all
    select *, 'network planning' as record_source from supplement
)

select
    listed.faa,
    listed.name,
    coalesce(corrections.lat, listed.lat) as lat,
    coalesce(corrections.lon, listed.lon) as lon,
    listed.alt,
    coalesce(corrections.tz, listed.tz) as tz,
    listed.dst,
    coalesce(corrections.time_zone, listed.tzone) as time_zone,
    listed.name = 'All Airports' as is_metropolitan,
    case when corrections.faa is null then listed.record_source else 'corrected' end as record_source
from listed
left join corrections on corrections.faa = listed.faa
