select
    cast(booked_at as date) as day,
    region,
    count(*) filter (where kind = 'payment') as payments,
    count(*) filter (where kind = 'refund') as refunds,
    coalesce(sum(amount_eur) filter (where kind = 'payment'), 0) as gross_eur,
    coalesce(sum(amount_eur) filter (where kind = 'refund'), 0) as refunded_eur,
    coalesce(sum(amount_eur) filter (where kind = 'payment'), 0)
    - coalesce(sum(amount_eur) filter (where kind = 'refund'), 0) as net_eur
from transactions
group by all
