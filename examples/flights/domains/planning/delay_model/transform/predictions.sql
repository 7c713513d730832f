select
    flight_id,
    flight_date,
    late_probability,
    case
        when late_probability >= 0.5 then 'likely late'
        when late_probability >= 0.3 then 'at risk'
        else 'likely on time'
    end as verdict,
    was_late
from scored
