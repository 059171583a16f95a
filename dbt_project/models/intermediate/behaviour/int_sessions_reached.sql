{% set steps = [
    ('stg_web__page_viewed', true, 1),
    ('stg_web__product_viewed', true, 2),
    ('stg_web__cart_item_added', true, 3),
    ('stg_web__checkout_started', true, 4),
    ('stg_orders__order_placed', false, 5),
] -%}
with steps as (
    {% for model_name, names_device, step in steps %}
    select
        session_id,
        occurred_date,
        channel,
        {{ 'device_type' if names_device else 'cast(null as varchar)' }} as device_type,
        {{ step }} as step
    from {{ ref(model_name) }}
    where session_id is not null{{ ' and not coalesce(is_bot, false)' if names_device }}
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
