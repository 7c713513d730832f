select
    punctuality.flight_date,
    punctuality.origin,
    punctuality.flights,
    punctuality.cancelled,
    punctuality.on_time_percent,
    weather.precip_total,
    weather.gust_max,
    weather.hours_of_low_visibility,
    case
        when weather.day is null then 'unknown'
        when weather.is_rough then 'weather'
        else 'something else'
    end as blame
from punctuality
left join weather on weather.origin = punctuality.origin and weather.day = punctuality.flight_date
where punctuality.on_time_percent < 50
