with moves as (

    select
        order_id, line_number, cast('cancelled' as varchar) as kind, quantity, cancelled_amount as amount
    from {{ ref('stg_orders__order_cancelled__lines') }}

    union all

    select
        shipments.order_id, lines.line_number, cast('dispatched' as varchar) as kind, lines.quantity,
        cast(0 as decimal(18, 4)) as amount
    from {{ ref('stg_fulfilment__shipment_dispatched__lines') }} as lines
    inner join {{ ref('stg_fulfilment__shipment_dispatched') }} as shipments on lines.event_id = shipments.event_id

    union all

    select
        goods_back.order_id, lines.line_number, cast('returned' as varchar) as kind, lines.quantity,
        lines.refund_amount as amount
    from {{ ref('stg_returns__return_received__lines') }} as lines
    inner join {{ ref('stg_returns__return_received') }} as goods_back on lines.event_id = goods_back.event_id
    where goods_back.order_id is not null

)

select
    order_id,
    line_number,
    {{ summed_units("case when kind = 'cancelled' then quantity else 0 end") }} as cancelled_units,
    {{ summed_units("case when kind = 'dispatched' then quantity else 0 end") }} as dispatched_units,
    {{ summed_units("case when kind = 'returned' then quantity else 0 end") }} as returned_units,
    cast(sum(case when kind = 'cancelled' then amount else 0 end) as decimal(38, 4)) as cancelled_amount,
    cast(sum(case when kind = 'returned' then amount else 0 end) as decimal(38, 4)) as returned_amount
from moves
group by order_id, line_number
