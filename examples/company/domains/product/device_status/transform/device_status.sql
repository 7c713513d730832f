-- Only events that are new since the last publication; their devices replace the rows with the same number. By the time of
-- receipt, because a late event must not put the clock back.
select
    device_id,
    customer_id,
    region,
    received_at as last_heard_at,
    kind as last_kind,
    app_version
from usage__changes
qualify row_number() over (partition by device_id order by received_at desc, event_id desc) = 1
