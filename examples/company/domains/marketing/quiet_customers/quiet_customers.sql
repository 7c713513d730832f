-- The smallest product: three lines of product.yaml and this query. Its contract is a draft, so nobody outside Marketing
-- reads it until somebody writes the contract down (`mesh new contract`).
select customer_id, region, segment, last_ordered_at
from sales.customer_360
where has_consent and orders > 0 and last_ordered_at < timestamp '2025-07-01'
