with moved as (

    select
        payment_id,
        order_id,
        currency_code,
        psp,
        cast(sum(case when kind = 'captured' then amount else 0 end) as decimal(38, 4)) as captured_amount,
        cast(sum(case when kind = 'refunded' then amount else 0 end) as decimal(38, 4)) as refunded_amount,
        min(case when kind = 'captured' then happened_at end) as captured_at
    from {{ ref('int_payment_events_unioned') }}
    where kind in ('captured', 'refunded')
    group by payment_id, order_id, currency_code, psp

),

settled as (

    select
        lines.payment_id,
        settlements.currency_code,
        cast(sum(case when lines.line_type = 'capture' then lines.amount else 0 end) as decimal(38, 4))
            as settled_capture_amount,
        cast(sum(case when lines.line_type in ('refund', 'chargeback') then lines.amount else 0 end) as decimal(38, 4))
            as settled_refund_amount,
        cast(sum(case when lines.line_type = 'fee' then lines.amount else 0 end) as decimal(38, 4)) as fee_amount,
        max(settlements.settled_date) as last_settled_date
    from {{ ref('stg_finance__settlement_posted__lines') }} as lines
    inner join {{ ref('stg_finance__settlement_posted') }} as settlements on lines.event_id = settlements.event_id
    where lines.payment_id is not null
    group by lines.payment_id, settlements.currency_code

)

select
    moved.payment_id,
    moved.order_id,
    moved.psp,
    moved.currency_code,
    moved.captured_at,
    moved.captured_amount,
    moved.refunded_amount,
    coalesce(settled.settled_capture_amount, cast(0 as decimal(38, 4))) as settled_capture_amount,
    coalesce(settled.settled_refund_amount, cast(0 as decimal(38, 4))) as settled_refund_amount,
    coalesce(settled.fee_amount, cast(0 as decimal(38, 4))) as fee_amount,
    cast(
        moved.captured_amount - moved.refunded_amount - coalesce(settled.settled_capture_amount, 0)
        - coalesce(settled.settled_refund_amount, 0) as decimal(38, 4)
    ) as unsettled_amount,
    settled.last_settled_date
from moved
left join settled
    on moved.payment_id = settled.payment_id
    and moved.currency_code = settled.currency_code
