-- Banks publish on weekdays. On other days the last rate holds.
select
    days.day,
    currencies.currency,
    rates.per_eur,
    rates.day <> days.day as is_carried
from days
cross join (select distinct currency from published) as currencies
asof join published as rates on rates.currency = currencies.currency and days.day >= rates.day
union all
select
    day,
    'EUR' as currency,
    cast(1 as decimal(18, 6)) as per_eur,
    false as is_carried
from days
