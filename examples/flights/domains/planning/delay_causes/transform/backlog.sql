-- What the airport and the airline were already struggling with: the mean departure delay of flights that were scheduled
-- one to three hours earlier. The last hour is left out, because nobody knows it yet when the flight boards.
select
    flight_id,
    avg(dep_delay) over (
        partition by origin order by scheduled_departure
        range between interval 3 hours preceding and interval 1 hour preceding
    ) as airport_backlog,
    avg(dep_delay) over (
        partition by origin, carrier order by scheduled_departure
        range between interval 3 hours preceding and interval 1 hour preceding
    ) as airline_backlog,
    count(*) over (partition by origin, date_trunc('hour', scheduled_departure)) as departures_in_hour
from flights
