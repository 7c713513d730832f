select
    bank.transaction_id,
    bank.order_id,
    bank.customer_id,
    bank.kind,
    bank.method,
    bank.currency,
    bank.amount,
    -- Refunds of the last weeks are booked after the last rate that we have, and take it.
    cast(cast(bank.amount as double) / exchange_rates.per_eur as decimal(12, 2)) as amount_eur,
    bank.iban,
    countries.region,
    bank.booked_at
from bank
join exchange_rates
    on
        exchange_rates.currency = bank.currency
        and exchange_rates.day = least(cast(bank.booked_at as date), date '2025-12-31')
left join countries on countries.country = bank.country
