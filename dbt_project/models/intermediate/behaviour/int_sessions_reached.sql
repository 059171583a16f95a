{% set steps = [
    ('stg_web__page_viewed', 'device_type', 1),
    ('stg_web__product_viewed', 'device_type', 2),
    ('stg_web__cart_item_added', 'device_type', 3),
    ('stg_web__checkout_started', 'device_type', 4),
    ('stg_orders__order_placed', 'cast(null as varchar)', 5),
] -%}
with steps as (
    {% for model_name, device_type, step in steps %}
    select
        session_id,
        occurred_date,
        channel,
        {{ device_type }} as device_type,
        {{ step }} as step
    from {{ ref(model_name) }}
    where session_id is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    session_id,
    occurred_date as session_date,
    coalesce(max(channel), 'unknown') as channel,
    coalesce(max(device_type), 'unknown') as device_type,
    max(step) as furthest_step
from steps
group by session_id, occurred_date
