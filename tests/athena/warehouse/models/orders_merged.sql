{{ config(materialized='incremental', incremental_strategy='merge', unique_key='order_id', table_type='iceberg') }}
select order_id, customer, amount * {{ var('factor', 1) }} as amount from {{ ref('orders_seen') }}
{% if is_incremental() %} where order_id >= 2 {% endif %}
