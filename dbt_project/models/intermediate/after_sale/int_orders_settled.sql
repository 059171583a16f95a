with event_counts as (

    select
        order_id,
        cast(sum(event_count) as bigint) as event_count
    from {{ ref('int_order_amounts_summed') }}
    group by order_id

),

joined as (

    select
        orders.*,
        coalesce(goods.cancelled_units, 0) as cancelled_units,
        coalesce(goods.dispatched_units, 0) as dispatched_units,
        coalesce(goods.returned_units, 0) as returned_units,
        coalesce(goods.dispatched_shipment_count, 0) as dispatched_shipment_count,
        coalesce(goods.delivered_shipment_count, 0) as delivered_shipment_count,
        goods.first_dispatched_at,
        goods.first_delivered_at,
        coalesce(amounts.cancelled_amount, 0) as cancelled_amount,
        coalesce(amounts.returned_amount, 0) as returned_amount,
        coalesce(amounts.captured_amount, 0) as captured_amount,
        coalesce(amounts.refunded_amount, 0) as refunded_amount,
        coalesce(event_counts.event_count, 0) - coalesce(amounts.event_count, 0) as other_currency_event_count
    from {{ ref('int_orders_accepted') }} as orders
    left join {{ ref('int_order_goods_moved') }} as goods on orders.order_id = goods.order_id
    left join {{ ref('int_order_amounts_summed') }} as amounts
        on orders.order_id = amounts.order_id
        and orders.currency_code = amounts.currency_code
    left join event_counts on orders.order_id = event_counts.order_id

)

select
    order_id,
    ordered_at,
    ordered_date,
    channel,
    customer_id,
    store_id,
    delivery_method,
    promised_delivery_date,
    case
        when cancelled_units >= ordered_units then cast('cancelled' as varchar)
        when returned_units > 0 and returned_units >= ordered_units - cancelled_units then 'returned'
        when returned_units > 0 then 'partly_returned'
        when delivered_shipment_count > 0 and delivered_shipment_count >= dispatched_shipment_count then 'delivered'
        when dispatched_shipment_count > 0 then 'dispatched'
        when captured_amount > 0 then 'paid'
        else 'placed'
    end as status,
    line_count,
    ordered_units,
    cancelled_units,
    dispatched_units,
    returned_units,
    currency_code,
    subtotal_amount,
    shipping_amount,
    tax_amount,
    total_amount as ordered_amount,
    cast(cancelled_amount as decimal(38, 4)) as cancelled_amount,
    cast(returned_amount as decimal(38, 4)) as returned_amount,
    cast(captured_amount as decimal(38, 4)) as captured_amount,
    cast(refunded_amount as decimal(38, 4)) as refunded_amount,
    cast(
        total_amount - cancelled_amount - returned_amount - captured_amount + refunded_amount as decimal(38, 4)
    ) as owed_amount,
    other_currency_event_count,
    first_dispatched_at,
    first_delivered_at
from joined
