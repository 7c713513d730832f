select
    flown.origin,
    flown.dest,
    flown.carrier,
    flown.flights,
    flown.landed,
    flown.distance,
    -- The great circle between the two airports in statute miles (haversine, mean earth radius).
    round(2 * 3958.8 * asin(sqrt(
        pow(sin(radians(landing.lat - takeoff.lat) / 2), 2)
        + cos(radians(takeoff.lat)) * cos(radians(landing.lat)) * pow(sin(radians(landing.lon - takeoff.lon) / 2), 2)
    )), 1) as great_circle_distance,
    flown.first_flight,
    flown.last_flight
from flown
join airports as takeoff on takeoff.faa = flown.origin
join airports as landing on landing.faa = flown.dest
