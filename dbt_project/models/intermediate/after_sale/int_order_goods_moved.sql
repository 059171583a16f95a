with moves as (

    select
        order_id,
        cast('cancelled' as varchar) as kind,
        quantity,
        cast(null as varchar) as shipment_id,
        occurred_at
    from {{ ref('stg_orders__order_cancelled__lines') }}

    union all

    select
        shipments.order_id,
        cast('dispatched' as varchar) as kind,
        lines.quantity,
        lines.shipment_id,
        lines.occurred_at
    from {{ ref('stg_fulfilment__shipment_dispatched__lines') }} as lines
    inner join {{ ref('stg_fulfilment__shipment_dispatched') }} as shipments on lines.event_id = shipments.event_id

    union all

    select
        order_id,
        cast('delivered' as varchar) as kind,
        cast(0 as bigint) as quantity,
        shipment_id,
        occurred_at
    from {{ ref('stg_fulfilment__shipment_delivered') }}

    union all

    select
        goods_back.order_id,
        cast('returned' as varchar) as kind,
        lines.quantity,
        cast(null as varchar) as shipment_id,
        lines.occurred_at
    from {{ ref('stg_returns__return_received__lines') }} as lines
    inner join {{ ref('stg_returns__return_received') }} as goods_back on lines.event_id = goods_back.event_id
    where goods_back.order_id is not null

)

select
    order_id,
    {{ summed_units("case when kind = 'cancelled' then quantity else 0 end") }} as cancelled_units,
    {{ summed_units("case when kind = 'dispatched' then quantity else 0 end") }} as dispatched_units,
    {{ summed_units("case when kind = 'returned' then quantity else 0 end") }} as returned_units,
    count(distinct case when kind = 'dispatched' then shipment_id end) as dispatched_shipment_count,
    count(distinct case when kind = 'delivered' then shipment_id end) as delivered_shipment_count,
    min(case when kind = 'dispatched' then occurred_at end) as first_dispatched_at,
    min(case when kind = 'delivered' then occurred_at end) as first_delivered_at
from moves
group by order_id
