-- Only the months that have not been read before: `events__changes` is what is new since the last publication.
select
    events.event_id,
    events.customer_id,
    events.device_id,
    events.kind,
    -- Nothing is received before it happens: the device's clock is wrong, and when it happened is not known.
    case when events.happened_at <= events.received_at then events.happened_at end as happened_at,
    events.received_at,
    events.received_at > events.happened_at + interval 7 days as is_late,
    events.seconds,
    events.app_version,
    countries.region
from events__changes as events
left join countries on countries.country = events.country
