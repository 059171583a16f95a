select
    cart_id,
    visitor_id,
    channel,
    started_at,
    started_date,
    last_changed_at,
    addition_count,
    removal_count,
    line_count,
    unit_count,
    currency_code,
    cart_amount,
    checkout_started_at,
    ordered_at,
    order_id,
    outcome
from {{ ref('int_carts_followed') }}
{{ rebuilt_days('started_date') }}
