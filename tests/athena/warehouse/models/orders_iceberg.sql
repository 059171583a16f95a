{{ config(materialized='table', table_type='iceberg', partitioned_by=['day(placed_at)']) }}
select order_id, customer, amount, cast(placed_at as timestamp(6)) as placed_at from {{ ref('orders_seen') }}
