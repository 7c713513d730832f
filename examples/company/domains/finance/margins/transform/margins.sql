select
    quarter,
    region,
    category,
    cast(sum(quantity) as bigint) as units,
    cast(sum(sales_eur) as decimal(14, 2)) as sales_eur,
    cast(sum(cost_eur) as decimal(14, 2)) as cost_eur,
    cast(sum(sales_eur) as decimal(14, 2)) - cast(sum(cost_eur) as decimal(14, 2)) as margin_eur,
    round(100 * (1 - sum(cost_eur) / sum(sales_eur)), 2) as margin_percent
from sold
group by all
