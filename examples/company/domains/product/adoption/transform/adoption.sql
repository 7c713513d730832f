select
    cast(date_trunc('month', happened_at) as date) as month,
    region,
    count(distinct customer_id) as active_customers,
    count(*) as events,
    count(*) filter (where kind = 'error shown') as errors,
    round(100.0 * count(*) filter (where app_version >= '5') / count(*), 2) as on_newest_version_percent
from usage
group by all
