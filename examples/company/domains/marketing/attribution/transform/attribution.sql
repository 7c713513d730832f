-- The last click before an order gets all of it, if it was not more than seven days before.
with clicked as (
    select orders.order_id, clicks.campaign_id, cast(orders.total as double) / exchange_rates.per_eur as sales_eur
    from orders
    asof join (select campaign_id, customer_id, touched_at from touches where kind = 'clicked') as clicks
        on clicks.customer_id = orders.customer_id and orders.ordered_at >= clicks.touched_at
    join exchange_rates
        on exchange_rates.currency = orders.currency and exchange_rates.day = cast(orders.ordered_at as date)
    where orders.status <> 'cancelled' and orders.ordered_at <= clicks.touched_at + interval 7 days
),

sold as (
    select campaign_id, count(*) as orders, cast(sum(sales_eur) as decimal(14, 2)) as sales_eur
    from clicked
    group by campaign_id
),

reached as (
    select
        campaign_id,
        count(*) filter (where kind = 'sent') as sent,
        count(*) filter (where kind = 'clicked') as clicks
    from touches
    group by campaign_id
)

select
    campaigns.campaign_id,
    campaigns.region,
    campaigns.channel,
    coalesce(reached.sent, 0) as sent,
    coalesce(reached.clicks, 0) as clicks,
    coalesce(sold.orders, 0) as orders,
    coalesce(sold.sales_eur, 0) as sales_eur,
    round(coalesce(cast(sold.sales_eur as double), 0) / campaigns.budget_eur, 3) as sales_per_budget
from campaigns
left join reached on reached.campaign_id = campaigns.campaign_id
left join sold on sold.campaign_id = campaigns.campaign_id
where campaigns.status <> 'planned'
