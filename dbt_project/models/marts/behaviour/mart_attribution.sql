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
    first_touch_amount,
    last_touch_amount,
    linear_amount,
    position_amount
from {{ ref('int_touches_credited') }}
{{ rebuilt_days('ordered_date') }}
