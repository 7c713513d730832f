select
    register.customer_id,
    register.name,
    -- Addresses are compared by marketing, so they are written one way.
    lower(register.email) as email,
    register.phone,
    -- Nobody is born after the register was closed: a slip of the keyboard, and the true day is not known.
    case when register.birth_date <= date '2025-12-31' then register.birth_date end as birth_date,
    register.country,
    countries.region,
    register.segment,
    register.has_consent,
    register.registered_at
from register
left join countries on countries.country = register.country
