with weighed as (

    select
        *,
        case
            when touch_count <= 2 then touch_number
            when touch_number = touch_count then 5 * (touch_count - 2)
            else 2 * (touch_count - 2) + touch_number - 1
        end as position_so_far,
        case
            when touch_count <= 2 or touch_number = 1 then touch_number - 1
            else 2 * (touch_count - 2) + touch_number - 2
        end as position_before,
        case when touch_count <= 2 then touch_count else 5 * (touch_count - 2) end as position_in_all
    from {{ ref('int_orders_touched') }}

)

select
    order_id,
    session_id,
    visitor_id,
    ordered_at,
    ordered_date,
    touched_at,
    touch_number,
    touch_count,
    campaign_source,
    campaign_medium,
    campaign_name,
    currency_code,
    revenue_amount,
    case when touch_number = 1 then revenue_amount else cast(0 as decimal(18, 4)) end as first_touch_amount,
    case when touch_number = touch_count then revenue_amount else cast(0 as decimal(18, 4)) end as last_touch_amount,
    {{ credited('revenue_amount', 'touch_number', 'touch_number - 1', 'touch_count') }} as linear_amount,
    {{ credited('revenue_amount', 'position_so_far', 'position_before', 'position_in_all') }} as position_amount
from weighed
