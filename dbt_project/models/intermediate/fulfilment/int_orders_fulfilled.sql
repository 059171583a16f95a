with shipped as (

    select
        order_id,
        count(*) as shipment_count,
        count(delivered_at) as delivered_shipment_count,
        min(dispatched_at) as first_dispatched_at,
        max(dispatched_at) as last_dispatched_at,
        max(delivered_at) as last_delivered_at
    from {{ ref('int_shipments_followed') }}
    group by order_id

),

captured as (

    select
        order_id,
        min(occurred_at) as captured_at
    from {{ ref('stg_payments__payment_captured') }}
    group by order_id

),

ready as (

    select
        order_id,
        min(occurred_at) as ready_at
    from {{ ref('stg_fulfilment__order_ready_for_pickup') }}
    group by order_id

),

picked_up as (

    select
        order_id,
        max(occurred_at) as picked_up_at
    from {{ ref('stg_fulfilment__order_picked_up') }}
    group by order_id

),

joined as (

    select
        orders.*,
        coalesce(goods.cancelled_units, 0) as cancelled_units,
        coalesce(goods.dispatched_units, 0) as dispatched_units,
        coalesce(shipped.shipment_count, 0) as shipment_count,
        coalesce(shipped.delivered_shipment_count, 0) as delivered_shipment_count,
        captured.captured_at,
        shipped.first_dispatched_at,
        shipped.last_dispatched_at,
        ready.ready_at,
        picked_up.picked_up_at,
        case
            when picked_up.picked_up_at is null then shipped.last_delivered_at
            when shipped.last_delivered_at is null then picked_up.picked_up_at
            when picked_up.picked_up_at > shipped.last_delivered_at then picked_up.picked_up_at
            else shipped.last_delivered_at
        end as received_at
    from {{ ref('int_orders_accepted') }} as orders
    left join {{ ref('int_order_goods_moved') }} as goods on orders.order_id = goods.order_id
    left join shipped on orders.order_id = shipped.order_id
    left join captured on orders.order_id = captured.order_id
    left join ready on orders.order_id = ready.order_id
    left join picked_up on orders.order_id = picked_up.order_id

),

judged as (

    select
        *,
        cancelled_units >= ordered_units as is_cancelled,
        picked_up_at is not null
        or (
            shipment_count > 0
            and delivered_shipment_count >= shipment_count
            and dispatched_units >= ordered_units - cancelled_units
        ) as is_in_full
    from joined

)

select
    order_id,
    ordered_at,
    ordered_date,
    channel,
    store_id,
    delivery_method,
    promised_delivery_date,
    captured_at,
    first_dispatched_at,
    last_dispatched_at,
    ready_at,
    picked_up_at,
    received_at,
    shipment_count,
    shipment_count > 1 as is_split,
    ordered_units,
    cancelled_units,
    dispatched_units,
    is_cancelled,
    not is_cancelled and not is_in_full as is_open,
    is_in_full,
    case when is_in_full then cast(received_at as date) <= promised_delivery_date end as is_on_time,
    {{ hours_between('ordered_at', 'captured_at') }} as capture_hours,
    {{ hours_between('ordered_at', 'first_dispatched_at') }} as dispatch_hours,
    {{ hours_between('ordered_at', 'received_at') }} as receipt_hours,
    {{ hours_between('ready_at', 'picked_up_at') }} as pickup_hours
from judged
