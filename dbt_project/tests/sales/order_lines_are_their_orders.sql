-- Lines of an order are those that it was placed with, each once, with its money.
with lines as (
    select
        order_id,
        count(*) as line_count,
        sum(net_amount) as net_amount
    from {{ ref('fct_order_lines') }}
    group by order_id
),

placed as (
    select
        orders.order_id,
        count(*) as line_count,
        sum(order_lines.net_amount) as net_amount
    from {{ ref('int_orders_accepted') }} as orders
    inner join {{ ref('stg_orders__order_placed__lines') }} as order_lines on orders.event_id = order_lines.event_id
    {{ rebuilt_days('orders.ordered_date', 'fct_order_lines') }}
    group by orders.order_id
)

select
    placed.order_id,
    lines.line_count,
    placed.line_count as placed_line_count
from placed
full outer join lines on placed.order_id = lines.order_id
where
    placed.order_id is null
    or lines.order_id is null
    or placed.line_count <> lines.line_count
    or placed.net_amount <> lines.net_amount
