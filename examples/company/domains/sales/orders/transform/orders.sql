-- An order without a country has no region either, so nobody could tell who may see it: the contract sets it aside.
select
    shop.order_id,
    shop.customer_id,
    shop.ordered_at,
    shop.country,
    countries.region,
    upper(shop.currency) as currency,
    shop.channel,
    shop.status,
    shop.discount_percent,
    shop.total
from shop
left join countries on countries.country = shop.country
