with amounts as (

    select order_id, currency_code, cast('cancelled' as varchar) as kind, cancelled_amount as amount
    from {{ ref('stg_orders__order_cancelled') }}

    union all

    select order_id, currency_code, cast('captured' as varchar) as kind, amount
    from {{ ref('stg_payments__payment_captured') }}

    union all

    select order_id, currency_code, cast('refunded' as varchar) as kind, amount
    from {{ ref('stg_payments__payment_refunded') }}

    union all

    select order_id, currency_code, cast('returned' as varchar) as kind, refund_amount as amount
    from {{ ref('stg_returns__return_received') }}
    where order_id is not null

)

select
    order_id,
    currency_code,
    cast(sum(case when kind = 'cancelled' then amount else 0 end) as decimal(38, 4)) as cancelled_amount,
    cast(sum(case when kind = 'captured' then amount else 0 end) as decimal(38, 4)) as captured_amount,
    cast(sum(case when kind = 'refunded' then amount else 0 end) as decimal(38, 4)) as refunded_amount,
    cast(sum(case when kind = 'returned' then amount else 0 end) as decimal(38, 4)) as returned_amount,
    count(*) as event_count
from amounts
group by order_id, currency_code
