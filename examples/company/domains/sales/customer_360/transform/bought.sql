select
    orders.customer_id,
    count(*) as orders,
    cast(sum(cast(orders.total as double) / exchange_rates.per_eur) as decimal(14, 2)) as spent_eur,
    max(orders.ordered_at) as last_ordered_at
from orders
join exchange_rates
    on exchange_rates.currency = orders.currency and exchange_rates.day = cast(orders.ordered_at as date)
where orders.status <> 'cancelled'
group by orders.customer_id
