{{ config(materialized='table', format='parquet') }}
select customer, sum(amount) as spent, count(*) as orders from {{ ref('orders_seen') }} group by customer
