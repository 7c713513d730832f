with refunded as (
    select customer_id, count(*) as refunds from transactions where kind = 'refund' group by customer_id
),

heard as (
    select customer_id, count(*) as devices, max(last_heard_at) as last_heard_at from device_status group by customer_id
),

said as (
    select customer_id, round(avg(score), 3) as mean_sentiment from sentiment group by customer_id
)

select
    customers.customer_id,
    customers.name,
    customers.email,
    case
        when date_diff('year', customers.birth_date, date '2025-12-31') < 30 then 'under 30'
        when date_diff('year', customers.birth_date, date '2025-12-31') < 40 then '30-39'
        when date_diff('year', customers.birth_date, date '2025-12-31') < 50 then '40-49'
        when date_diff('year', customers.birth_date, date '2025-12-31') < 60 then '50-59'
        when date_diff('year', customers.birth_date, date '2025-12-31') < 70 then '60-69'
        when customers.birth_date is not null then '70 and over'
    end as age_band,
    customers.region,
    customers.segment,
    customers.has_consent,
    coalesce(bought.orders, 0) as orders,
    coalesce(bought.spent_eur, 0) as spent_eur,
    bought.last_ordered_at,
    coalesce(refunded.refunds, 0) as refunds,
    coalesce(heard.devices, 0) as devices,
    heard.last_heard_at,
    said.mean_sentiment
from customers
left join bought on bought.customer_id = customers.customer_id
left join refunded on refunded.customer_id = customers.customer_id
left join heard on heard.customer_id = customers.customer_id
left join said on said.customer_id = customers.customer_id
