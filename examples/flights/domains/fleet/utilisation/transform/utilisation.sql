select
    tailnum,
    month,
    count(*) as flights,
    cast(sum(air_time) as bigint) as air_minutes,
    cast(sum(gate_to_gate) as bigint) as gate_to_gate_minutes,
    cast(sum(distance) as bigint) as miles,
    cast(sum(cast(distance as bigint) * seats) as bigint) as seat_miles
from legs
where is_registered
group by tailnum, month
