-- Only flights that are new since the last publication; their aircraft replace the rows with the same tail number.
select
    flown.tailnum,
    flown.departed_at as last_departed_at,
    flown.flight_id as last_flight_id,
    flown.carrier as last_carrier,
    flown.origin as last_origin,
    flown.dest as last_dest,
    flown.status as last_status,
    planes.tailnum is not null as is_registered
from flights__changes as flown
left join planes on planes.tailnum = flown.tailnum
where flown.tailnum is not null and flown.departed_at is not null
qualify row_number() over (partition by flown.tailnum order by flown.departed_at desc, flown.flight_id desc) = 1
