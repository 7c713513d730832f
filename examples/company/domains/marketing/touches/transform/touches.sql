-- Only the months that have not been read before: `log__changes` is what is new since the last publication.
select
    touch_id,
    campaign_id,
    -- The campaign's number begins with it.
    split_part(campaign_id, '-', 1) as region,
    customer_id,
    kind,
    touched_at
from log__changes
