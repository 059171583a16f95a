select
    payment_id,
    order_id,
    psp,
    currency_code,
    captured_at,
    captured_amount,
    refunded_amount,
    settled_capture_amount,
    settled_refund_amount,
    fee_amount,
    unsettled_amount,
    last_settled_date
from {{ ref('int_payments_reconciled') }}
