select
    event_id,
    order_id,
    milestone,
    reached_at,
    reached_date,
    channel,
    detail,
    amount,
    currency_code
from {{ ref('int_order_milestones_unioned') }}
{{ rebuilt_days('reached_date') }}
