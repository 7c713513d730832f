-- The weights applied to the flights that the model has not seen.
with numbers as (
    select
        max(weight) filter (where feature = 'intercept') as intercept,
        max(struct_pack(mean, spread, weight)) filter (where feature = 'log_distance') as log_distance,
        max(struct_pack(mean, spread, weight)) filter (where feature = 'departures_in_hour') as departures_in_hour,
        max(struct_pack(mean, spread, weight)) filter (where feature = 'temp') as temp,
        max(struct_pack(mean, spread, weight)) filter (where feature = 'wind') as wind,
        max(struct_pack(mean, spread, weight)) filter (where feature = 'log_precip') as log_precip,
        max(struct_pack(mean, spread, weight)) filter (where feature = 'visib') as visib
    from weights
),

summed as (
    select
        flights.flight_id,
        flights.flight_date,
        flights.is_late,
        n.intercept
        + coalesce(carrier.weight, 0) + coalesce(origin.weight, 0)
        + coalesce(hour.weight, 0) + coalesce(weekday.weight, 0)
        + coalesce((flights.log_distance - n.log_distance.mean) / n.log_distance.spread * n.log_distance.weight, 0)
        + coalesce(
            (flights.departures_in_hour - n.departures_in_hour.mean)
            / n.departures_in_hour.spread * n.departures_in_hour.weight, 0
        )
        + coalesce((flights.temp - n.temp.mean) / n.temp.spread * n.temp.weight, 0)
        + coalesce((flights.wind - n.wind.mean) / n.wind.spread * n.wind.weight, 0)
        + coalesce((flights.log_precip - n.log_precip.mean) / n.log_precip.spread * n.log_precip.weight, 0)
        + coalesce((flights.visib - n.visib.mean) / n.visib.spread * n.visib.weight, 0) as log_odds
    from features as flights
    cross join numbers as n
    left join weights as carrier on carrier.feature = 'carrier' and carrier.level = flights.carrier
    left join weights as origin on origin.feature = 'origin' and origin.level = flights.origin
    left join weights as hour on hour.feature = 'local_hour' and hour.level = flights.local_hour
    left join weights as weekday on weekday.feature = 'weekday' and weekday.level = flights.weekday
    where not flights.is_training
),

scored as (
    select flight_id, flight_date, round(1 / (1 + exp(-log_odds)), 4) as late_probability, is_late
    from summed
)

select
    flight_id,
    flight_date,
    late_probability,
    case
        when late_probability >= 0.5 then 'likely late'
        when late_probability >= 0.3 then 'at risk'
        else 'likely on time'
    end as verdict,
    is_late as was_late
from scored
