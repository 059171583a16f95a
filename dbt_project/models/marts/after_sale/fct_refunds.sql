with described as (

    select
        refunds.*,
        events.initiated_by,
        events.is_full,
        refunds.happened_date as refunded_date
    from {{ ref('int_payment_events_converted') }} as refunds
    inner join {{ ref('stg_payments__payment_refunded') }} as events
        on refunds.payment_event_key = events.event_id
        and refunds.happened_date = events.occurred_date

)

select
    payment_event_key as refund_key,
    refund_id,
    happened_at as refunded_at,
    refunded_date,
    payment_id,
    order_id,
    customer_id,
    return_id,
    reason,
    initiated_by,
    is_full,
    payment_method,
    psp,
    currency_code,
    amount as refund_amount,
    reporting_currency_code,
    reporting_rate_date,
    reporting_amount as reporting_refund_amount
from described
{{ rebuilt_days('refunded_date') }}
