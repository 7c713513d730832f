-- The smallest product: three lines of product.yaml and this query. Its contract is a draft inferred from the query,
-- so it is readable in its own domain only until somebody writes the contract down (`mesh new contract`).
select flight_date, origin, carrier, count(*) as cancelled
from operations.flights
where status = 'cancelled'
group by all
