{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['day']) }}
select count(*) * {{ var('factor', 1) }} as orders, cast(date(placed_at) as varchar) as day from {{ ref('orders_seen') }}
{% if is_incremental() %} where date(placed_at) = date '2026-01-02' {% endif %}
group by 2
