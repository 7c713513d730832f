with today as (select cast(max(ordered_at) as date) as day from orders),

bought as (
    select customer_id, count(*) as orders, cast(max(ordered_at) as date) as last_day
    from orders
    where status <> 'cancelled'
    group by customer_id
),

used as (
    select
        usage.customer_id,
        count(*) filter (where usage.happened_at >= today.day - interval 90 days) as events,
        count(*) filter (where usage.happened_at >= today.day - interval 90 days and usage.kind = 'error shown')
            as errors,
        cast(max(usage.happened_at) as date) as last_day
    from usage
    cross join today
    group by usage.customer_id
),

refunded as (
    select customer_id, count(*) as refunds from transactions where kind = 'refund' group by customer_id
),

said as (
    select customer_id, round(avg(score), 3) as mean_sentiment from sentiment group by customer_id
)

select
    customers.customer_id,
    customers.region,
    customers.segment,
    bought.orders,
    date_diff('day', bought.last_day, today.day) as days_since_order,
    coalesce(used.events, 0) as events_in_90_days,
    coalesce(used.errors, 0) as errors_in_90_days,
    date_diff('day', used.last_day, today.day) as days_since_use,
    coalesce(refunded.refunds, 0) as refunds,
    said.mean_sentiment,
    date_diff('day', greatest(bought.last_day, used.last_day), today.day) > 180 as has_left
from customers
join bought on bought.customer_id = customers.customer_id
cross join today
left join used on used.customer_id = customers.customer_id
left join refunded on refunded.customer_id = customers.customer_id
left join said on said.customer_id = customers.customer_id
