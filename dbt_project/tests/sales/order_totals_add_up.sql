{{ config(severity='warn') }}
-- An order's total is its lines, shipping and tax. Producers state it, so a breach is wrong data and only warns.
with line_sums as (
    select
        event_id,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from {{ ref('stg_orders__order_placed__lines') }}
    group by event_id
)

select
    orders.order_id,
    orders.total_amount,
    line_sums.net_amount,
    line_sums.tax_amount,
    orders.shipping_amount
from {{ ref('stg_orders__order_placed') }} as orders
inner join line_sums on orders.event_id = line_sums.event_id
where orders.total_amount <> line_sums.net_amount + line_sums.tax_amount + orders.shipping_amount
