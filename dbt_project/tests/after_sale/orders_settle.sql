-- Per order and currency: sold - returned - cancelled = captured - refunded + owed, each summed anew from the events.
with cancelled as (
    select order_id, currency_code, sum(cancelled_amount) as amount
    from {{ ref('stg_orders__order_cancelled') }}
    group by order_id, currency_code
),

captured as (
    select order_id, currency_code, sum(amount) as amount
    from {{ ref('stg_payments__payment_captured') }}
    group by order_id, currency_code
),

refunded as (
    select order_id, currency_code, sum(amount) as amount
    from {{ ref('stg_payments__payment_refunded') }}
    group by order_id, currency_code
),

returned as (
    select order_id, currency_code, sum(refund_amount) as amount
    from {{ ref('stg_returns__return_received') }}
    group by order_id, currency_code
),

sides as (
    select
        orders.order_id,
        orders.ordered_amount - coalesce(returned.amount, 0) - coalesce(cancelled.amount, 0) as due_amount,
        coalesce(captured.amount, 0) - coalesce(refunded.amount, 0) + orders.owed_amount as settled_amount
    from {{ ref('fct_orders') }} as orders
    left join cancelled
        on orders.order_id = cancelled.order_id and orders.currency_code = cancelled.currency_code
    left join captured
        on orders.order_id = captured.order_id and orders.currency_code = captured.currency_code
    left join refunded
        on orders.order_id = refunded.order_id and orders.currency_code = refunded.currency_code
    left join returned
        on orders.order_id = returned.order_id and orders.currency_code = returned.currency_code
)

select * from sides
where due_amount <> settled_amount or due_amount is null or settled_amount is null
