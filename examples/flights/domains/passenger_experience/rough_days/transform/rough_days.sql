select
    punctuality.flight_date,
    punctuality.origin,
    punctuality.flights,
    punctuality.cancelled,
    punctuality.on_time_percent,
    sky.precip_total,
    sky.gust_max,
    sky.hours_of_low_visibility,
    case
        when sky.day is null then 'unknown'
        when sky.is_rough then 'weather'
        else 'something else'
    end as blame
from punctuality
left join daily_weather as sky on sky.origin = punctuality.origin and sky.day = punctuality.flight_date
where punctuality.on_time_percent < 50
