{{ config(materialized='view') }}
select order_id, customer, cast(amount as decimal(10, 2)) as amount, cast(placed_at as timestamp(3)) as placed_at
from {{ ref('orders') }}
