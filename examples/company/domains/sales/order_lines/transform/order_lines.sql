-- A line of an order that was set aside has no region, and is set aside with it.
select
    shop.order_id,
    shop.line_number,
    shop.article_id,
    shop.quantity,
    shop.unit_price,
    orders.currency,
    orders.region,
    orders.ordered_at
from shop
left join orders on orders.order_id = shop.order_id
