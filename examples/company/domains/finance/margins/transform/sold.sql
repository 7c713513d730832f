-- What was kept, with what it was sold for and what it cost on the day of the order.
select
    cast(date_trunc('quarter', orders.ordered_at) as date) as quarter,
    orders.region,
    catalogue.category,
    order_lines.quantity,
    order_lines.quantity * cast(order_lines.unit_price as double)
    * (100 - orders.discount_percent) / 100 / exchange_rates.per_eur as sales_eur,
    order_lines.quantity * cast(unit_costs.unit_cost_eur as double) as cost_eur
from order_lines
join orders on orders.order_id = order_lines.order_id
join catalogue on catalogue.article_id = order_lines.article_id
join exchange_rates
    on exchange_rates.currency = orders.currency and exchange_rates.day = cast(orders.ordered_at as date)
asof join unit_costs
    on unit_costs.article_id = order_lines.article_id and cast(orders.ordered_at as date) >= unit_costs.valid_from
where orders.status = 'delivered'
