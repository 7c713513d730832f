"""dbt projects in the shapes that teams have, written where a test wants them. Their data is invented."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


# A shop in layers: seeds that fill sources, staging views, marts; tests, a unit test, a snapshot, packages not installed.
BAKERY = {
    "dbt_project.yml": """\
name: "bakery"
version: "1.0.0"
config-version: 2
profile: bakery
model-paths: ["models"]
seed-paths: ["seeds"]
test-paths: ["tests"]
macro-paths: ["macros"]
snapshot-paths: ["snapshots"]
vars:
  first_year: 2026
seeds:
  bakery:
    +schema: raw
models:
  bakery:
    staging:
      +materialized: view
    marts:
      +materialized: table
      +tags: ["daily"]
""",
    "macros/cents_to_euros.sql": """\
{# one place for money #}
{% macro cents_to_euros(column_name) -%}
    {{ return(adapter.dispatch('cents_to_euros')(column_name)) }}
{%- endmacro %}

{% macro default__cents_to_euros(column_name) -%}
    ({{ column_name }} / 100)::numeric(16, 2)
{%- endmacro %}

{% macro postgres__cents_to_euros(column_name) -%}
    ({{ column_name }}::numeric(16, 2) / 100)
{%- endmacro %}
""",
    "macros/tests.sql": """\
{% test no_future(model, column_name) %}
select * from {{ model }} where {{ column_name }} > timestamp '2099-01-01'
{% endtest %}
""",
    "models/marts/customers.sql": """\
{{ config(materialized='table', access='public') }}
with customers as (select * from {{ ref('stg_customers') }}),
orders as (select * from {{ ref('orders') }}),
summary as (
    select customer_id, count(distinct order_id) as count_lifetime_orders, min(ordered_at) as first_ordered_at,
           sum(order_total) as lifetime_spend
    from orders group by 1
)
select customers.*, coalesce(summary.count_lifetime_orders, 0) as count_lifetime_orders,
  summary.first_ordered_at, summary.lifetime_spend,
  case when summary.count_lifetime_orders > 1 then 'returning' else 'new' end as customer_type
from customers left join summary on customers.customer_id = summary.customer_id
""",
    "models/marts/customers.yml": """\
models:
  - name: customers
    description: One row per person.
    config:
      contract: {enforced: true}
      meta: {owner_slack: "#people"}
    columns:
      - name: customer_id
        data_type: varchar
        constraints: [{type: not_null}, {type: primary_key}]
        data_tests: [not_null, unique]
      - {name: customer_name, data_type: varchar, config: {meta: {contains_pii: true}, tags: [pii]}}
      - {name: count_lifetime_orders, data_type: bigint}
      - {name: first_ordered_at, data_type: timestamp}
      - {name: lifetime_spend, data_type: "decimal(38,2)"}
      - name: customer_type
        data_type: varchar
        data_tests:
          - accepted_values:
              arguments:
                values: ['new', 'returning']
exposures:
  - name: weekly_mail
    type: dashboard
    owner: {name: Marketing, email: marketing@example.com}
    depends_on: [ref('customers')]
""",
    "models/marts/days.sql": """\
with days as (
    {{ dbt_date.get_base_dates(n_dateparts=365*10, datepart="day") }}
)
select cast(date_day as date) as date_day from days
""",
    "models/marts/docs.md": """\
{% docs orders %}
Every order,
with what was in it.
{% enddocs %}
""",
    "models/marts/order_items.sql": """\
with order_items as (select * from {{ ref('stg_items') }}),
orders as (select * from {{ ref('stg_orders') }}),
products as (select * from {{ ref('stg_products') }})
select
    order_items.*,
    orders.ordered_at,
    products.product_name,
    products.product_price,
    products.is_food_item,
    products.is_drink_item
from order_items
left join orders on order_items.order_id = orders.order_id
left join products on order_items.product_id = products.product_id
""",
    "models/marts/order_items.yml": """\
models:
  - name: order_items
    columns:
      - name: order_item_id
        data_tests: [not_null, unique]
      - name: order_id
        data_tests:
          - relationships:
              arguments:
                to: ref('orders')
                field: order_id
unit_tests:
  - name: food_and_drink_are_told_apart
    description: flags come from the product
    model: order_items
    given:
      - input: ref('stg_products')
        rows:
          - {product_id: p1, is_food_item: true, is_drink_item: false}
      - input: ref('stg_items')
        rows:
          - {order_item_id: 1, order_id: 1, product_id: p1}
      - input: ref('stg_orders')
        rows:
          - {order_id: 1}
    expect:
      rows:
        - {order_item_id: 1, is_food_item: true, is_drink_item: false}
""",
    "models/marts/orders.sql": """\
with orders as (select * from {{ ref('stg_orders') }}),
items as (select * from {{ ref('order_items') }}),
order_items_summary as (
    select
        order_id,
        sum(product_price) as order_items_subtotal,
        count(order_item_id) as count_order_items,
        sum(case when is_food_item then 1 else 0 end) as count_food_items
    from items
    group by 1
),
compute_booleans as (
    select
        orders.*,
        s.order_items_subtotal,
        s.count_order_items,
        s.count_food_items > 0 as is_food_order
    from orders
    left join order_items_summary s on orders.order_id = s.order_id
),
customer_order_count as (
    select *,
        row_number() over (partition by customer_id order by ordered_at asc) as customer_order_number
    from compute_booleans
)
select * from customer_order_count
""",
    "models/marts/orders.yml": """\
models:
  - name: orders
    description: "{{ doc('orders') }}"
    data_tests:
      - dbt_utils.expression_is_true:
          arguments:
            expression: "order_items_subtotal = subtotal"
    columns:
      - name: order_id
        description: The unique key of the orders mart.
        data_tests:
          - not_null
          - unique
      - name: customer_id
        description: Who ordered.
        data_tests:
          - relationships:
              arguments:
                to: ref('stg_customers')
                field: customer_id
      - name: ordered_at
        data_tests: [no_future]
semantic_models:
  - name: orders
    model: ref('orders')
metrics:
  - name: order_total
    type: simple
""",
    "models/staging/__sources.yml": """\
version: 2
sources:
  - name: shop
    schema: main_raw
    description: What the tills write.
    freshness: {warn_after: {count: 24, period: hour}}
    loaded_at_field: ordered_at
    tables:
      - name: raw_customers
        description: One row per person.
        columns:
          - name: id
            data_tests: [not_null]
      - name: raw_orders
      - name: raw_items
      - name: raw_products
""",
    "models/staging/stg_customers.sql": """\
with

source as (

    select * from {{ source('shop', 'raw_customers') }}

),

renamed as (

    select
        ----------  ids
        id as customer_id,
        name as customer_name

    from source

)

select * from renamed
""",
    "models/staging/stg_items.sql": """\
select id as order_item_id, order_id, sku as product_id from {{ source('shop', 'raw_items') }}
""",
    "models/staging/stg_orders.sql": """\
with source as (select * from {{ source('shop', 'raw_orders') }})
select
    id as order_id,
    store_id as location_id,
    customer as customer_id,
    {{ cents_to_euros('subtotal') }} as subtotal,
    {{ cents_to_euros('tax_paid') }} as tax_paid,
    {{ cents_to_euros('order_total') }} as order_total,
    {{ dbt.date_trunc('day', 'ordered_at') }} as ordered_at
from source
""",
    "models/staging/stg_orders.yml": """\
models:
  - name: stg_orders
    description: Orders with money in euros.
    data_tests:
      - dbt_utils.expression_is_true:
          arguments: {expression: "order_total - tax_paid = subtotal"}
    columns:
      - name: order_id
        description: The key.
        data_tests: [not_null, unique]
  - name: stg_customers
    columns:
      - name: customer_id
        data_tests:
          - not_null
          - unique
""",
    "models/staging/stg_products.sql": """\
select sku as product_id, name as product_name, {{ cents_to_euros('price') }} as product_price,
       coalesce(type = 'bread', false) as is_food_item,
       coalesce(type = 'drink', false) as is_drink_item
from {{ source('shop', 'raw_products') }}
""",
    "packages.yml": """\
packages:
  - package: dbt-labs/dbt_utils
    version: 1.1.1
  - package: godatadriven/dbt_date
    version: 0.11.0
""",
    "profiles.yml": """\
bakery:
  target: dev
  outputs:
    dev: {type: duckdb, path: bakery.duckdb}
""",
    "seeds/raw_customers.csv": """\
id,name
c1,ada
c2,grace
c3,linus
""",
    "seeds/raw_items.csv": """\
id,order_id,sku
i1,o1,BRD-1
i2,o1,DRK-1
i3,o2,BRD-1
i4,o3,BRD-2
i5,o3,BRD-2
""",
    "seeds/raw_orders.csv": """\
id,customer,ordered_at,store_id,subtotal,tax_paid,order_total
o1,c1,2026-01-03T09:00:00,s1,1000,80,1080
o2,c2,2026-01-03T10:00:00,s1,500,40,540
o3,c1,2026-01-05T11:30:00,s2,1200,96,1296
""",
    "seeds/raw_products.csv": """\
sku,name,type,price
BRD-1,rye bread,bread,500
BRD-2,long loaf,bread,600
DRK-1,cold milk,drink,500
""",
    "snapshots/customers_over_time.sql": """\
{% snapshot customers_over_time %}
{{ config(target_schema='snapshots', unique_key='id', strategy='check', check_cols='all') }}
select * from {{ source('shop', 'raw_customers') }}
{% endsnapshot %}
""",
    "tests/totals_add_up.sql": """\
select order_id from {{ ref('orders') }} where order_total <> subtotal + tax_paid
""",
}

# A business with groups: incremental models, versions, access, an installed package, files read by location.
CHAIN = {
    "dbt_packages/money/dbt_project.yml": """\
name: money
version: 0.1.0
vars: {currency: EUR}
models: {money: {+materialized: ephemeral}}
""",
    "dbt_packages/money/macros/money.sql": """\
{% macro rounded(column, digits=2) %}round({{ column }}, {{ digits }}){% endmacro %}
{% macro _hidden(column) %}{{ money.rounded(column) }}{% endmacro %}
{% macro labelled(column) %}{{ money._hidden(column) }} || ' {{ var("currency") }}'{% endmacro %}
{% macro test_positive_money(model, column_name) %}select * from {{ model }} where {{ column_name }} <= 0{% endmacro %}
""",
    "dbt_project.yml": """\
name: chain
version: 1.0.0
profile: chain
vars:
  start: '2026-01-01'
  currency: EUR
models:
  chain:
    staging: {+materialized: view, +group: erp}
    finance: {+group: finance, +materialized: table}
    sales: {+group: sales, +materialized: table}
on-run-end: ["grant select on schema x to y"]
""",
    "models/finance/invoices.sql": """\
{{ config(materialized='incremental', unique_key='invoice_id') }}

with new_rows as (
    select * from {{ ref('stg_erp__invoices') }}
    {% if is_incremental() %}
    where billed_at > (select max(billed_at) from {{ this }})
    {% endif %}
)
select invoice_id, client, {{ money.labelled('amount') }} as label, amount, billed_at from new_rows
""",
    "models/finance/ledger.sql": """\
{{ config(materialized='incremental') }}
select payment_key, paid, current_date as seen from {{ ref('stg_erp__payments') }} p
{% if is_incremental() %}
where payment_key not in (select payment_key from {{ this }})
{% endif %}
""",
    "models/finance/schema.yml": """\
models:
  - name: invoices
    data_tests:
      - dbt_utils.unique_combination_of_columns: {combination_of_columns: [invoice_id, client]}
      - dbt_utils.recency: {datepart: day, field: billed_at, interval: 700}
    columns:
      - name: amount
        tests:
          - dbt_utils.accepted_range: {min_value: 0, max_value: 1000000, config: {where: "client <> 'acme'"}}
          - not_null: {severity: warn}
          - money.positive_money: {config: {error_if: ">1"}}
      - name: client
        tests:
          - relationships: {to: ref('clients'), field: client}
      - name: gone
        description: Not there any more.
""",
    "models/groups.yml": """\
groups:
  - name: erp
    owner: {name: ERP team, email: erp@example.com}
  - name: finance
    description: What was billed and paid.
    owner: {name: Finance data, email: fin@example.com}
  - name: sales
    owner: {email: sales@example.com}
sources:
  - name: erp
    schema: erp
    tables:
      - name: invoices
        config: {meta: {external_location: "seeds/invoices_*.csv"}}
      - name: payments
        meta: {external_location: "read_csv('seeds/payments.csv', delim=';')"}
      - name: regions
        columns:
          - {name: region_id, data_type: integer}
          - {name: region_name, data_type: varchar}
""",
    "models/sales/clients_v1.sql": """\
select client, sum(amount) as total from {{ ref('invoices') }} group by 1
""",
    "models/sales/clients_v2.sql": """\
select client, sum(amount) as total_amount, count(*) as invoices from {{ ref('invoices') }} group by 1
""",
    "models/sales/intermediate/int_top.sql": """\
{{ config(materialized='ephemeral') }}
select * from {{ ref('clients', v=2) }} where total_amount > 10
""",
    "models/sales/schema.yml": """\
models:
  - name: clients
    description: One row per client.
    latest_version: 2
    config: {contract: {enforced: true}}
    access: public
    columns:
      - name: client
        data_type: varchar
        data_tests: [unique, not_null]
      - {name: total, data_type: "decimal(38,2)"}
      - {name: total_amount, data_type: "decimal(38,2)"}
      - {name: invoices, data_type: int}
    versions:
      - v: 1
        deprecation_date: 2027-01-31
        columns: [{include: all, exclude: [total_amount, invoices]}]
      - v: 2
        columns: [{include: all, exclude: [total]}]
  - name: top_clients
    columns:
      - name: client
        tests:
          - relationships: {to: "ref('clients', v=1)", field: client}
          - unique
      - name: total_amount
        tests: [money.positive_money]
""",
    "models/sales/top_clients.sql": """\
select *, '{{ target.name }}' as env from {{ ref('int_top') }}
""",
    "models/staging/erp/stg_erp__invoices.sql": """\
select invoice_id, client, cast(amount as decimal(12,2)) as amount, billed_at from {{ source('erp', 'invoices') }}
where billed_at >= '{{ var("start") }}'
""",
    "models/staging/erp/stg_erp__payments.sql": """\
select {{ dbt_utils.generate_surrogate_key(['payment_id', 'invoice_id']) }} as payment_key, invoice_id, cast(paid as decimal(12,2)) as paid from {{ source('erp', 'payments') }}
""",
    "profiles.yml": """\
chain: {target: dev, outputs: {dev: {type: duckdb, path: chain.duckdb}}}
""",
    "seeds/invoices_1.csv": """\
invoice_id,client,amount,billed_at
1,acme,100.5,2026-01-02 10:00:00
2,beta,20,2026-01-03 10:00:00
""",
    "seeds/invoices_2.csv": """\
invoice_id,client,amount,billed_at
3,acme,7,2026-01-04 10:00:00
""",
    "seeds/payments.csv": """\
payment_id;invoice_id;paid
1;1;100.5
2;2;10
""",
    "tests/clients_have_invoices.sql": """\
select c.client from {{ ref('clients') }} c left join {{ ref('invoices') }} i using (client) where i.client is null
""",
    "tests/paid_is_billed.sql": """\
select l.* from {{ ref('ledger') }} l where l.paid > (select max(amount) from {{ ref('invoices') }})
""",
}


def write_project(folder: Path, files: dict[str, str], changed: dict[str, str] | None = None) -> Path:
    """Write the project *files* into *folder*, with those in *changed* added or in their place."""
    for path, text in {**files, **(changed or {})}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder
