-- What both ports need of a flight that left the ground.
select
    flights.tailnum,
    flights.carrier,
    cast(date_trunc('month', flights.flight_date) as date) as month,
    flights.distance,
    flights.air_time,
    date_diff('minute', flights.departed_at, flights.arrived_at) as gate_to_gate,
    planes.tailnum is not null as is_registered,
    planes.seats
from flights
left join planes on planes.tailnum = flights.tailnum
where flights.status = 'landed' and flights.tailnum is not null
