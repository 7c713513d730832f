select
    cast(date_trunc('month', orders.ordered_at) as date) as month,
    orders.region,
    catalogue.category,
    count(distinct orders.order_id) as orders,
    cast(sum(order_lines.quantity) as bigint) as units,
    cast(
        sum(
            order_lines.quantity * cast(order_lines.unit_price as double)
            * (100 - orders.discount_percent) / 100 / exchange_rates.per_eur
        ) as decimal(14, 2)
    ) as sales_eur
from order_lines
join orders on orders.order_id = order_lines.order_id
join catalogue on catalogue.article_id = order_lines.article_id
join exchange_rates
    on exchange_rates.currency = orders.currency and exchange_rates.day = cast(orders.ordered_at as date)
where orders.status <> 'cancelled'
group by all
