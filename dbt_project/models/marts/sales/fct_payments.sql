select
    payment_event_key,
    payment_id,
    order_id,
    customer_id,
    kind,
    happened_at,
    happened_date,
    payment_method,
    psp,
    psp_reference,
    reason,
    refund_id,
    return_id,
    currency_code,
    amount,
    reporting_currency_code,
    reporting_rate_date,
    reporting_amount
from {{ ref('int_payment_events_converted') }}
{{ rebuilt_days('happened_date') }}
