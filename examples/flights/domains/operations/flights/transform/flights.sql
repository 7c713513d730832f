-- One row per scheduled departure, with the clock times of the source (integers such as 517 for 5:17) made into moments.
with departures_in_utc as (
    select
        departures.*,
        airports.time_zone,
        make_date(departures.year, departures.month, departures.day) as flight_date,
        -- time_hour is the scheduled hour in UTC, so daylight saving is already settled.
        time_hour + to_minutes(minute) as scheduled_departure,
        time_hour + to_minutes(minute) + to_minutes(dep_delay) as departed_at
    from departures
    left join airports on airports.faa = departures.dest
),

-- Arrivals are known as clock times at the destination only: the first such time after the departure is meant.
arrivals_on_the_clock as (
    select
        *,
        timezone(time_zone, scheduled_departure) as scheduled_departure_there,
        timezone(time_zone, departed_at) as departed_at_there,
        cast(timezone(time_zone, scheduled_departure) as date)
        + to_minutes(sched_arr_time // 100 * 60 + sched_arr_time % 100) as scheduled_arrival_there,
        cast(timezone(time_zone, departed_at) as date)
        + to_minutes(arr_time // 100 * 60 + arr_time % 100) as arrived_at_there
    from departures_in_utc
)

select
    strftime(flight_date, '%Y%m%d') || '-' || carrier || '-' || flight || '-' || origin as flight_id,
    flight_date,
    carrier,
    flight,
    tailnum,
    origin,
    dest,
    scheduled_departure,
    departed_at,
    timezone(time_zone, case
        when scheduled_arrival_there <= scheduled_departure_there then scheduled_arrival_there + to_days(1)
        else scheduled_arrival_there
    end) as scheduled_arrival,
    timezone(time_zone, case
        when arrived_at_there <= departed_at_there then arrived_at_there + to_days(1)
        else arrived_at_there
    end) as arrived_at,
    dep_delay,
    arr_delay,
    air_time,
    distance,
    case
        when dep_time is null then 'cancelled'
        -- A diverted flight has no arrival delay, even when it reached its destination after all.
        when arr_delay is null then 'diverted'
        else 'landed'
    end as status
from arrivals_on_the_clock
