select
    lines.event_id || '-' || cast(lines.element_number as varchar) as order_line_key,
    orders.order_id,
    lines.line_number,
    orders.ordered_at,
    orders.ordered_date,
    orders.channel,
    orders.customer_id,
    orders.store_id,
    lines.sku,
    lines.product_id,
    lines.seller_id,
    lines.fulfilment_location_id,
    lines.quantity as ordered_units,
    coalesce(moved.cancelled_units, 0) as cancelled_units,
    coalesce(moved.dispatched_units, 0) as dispatched_units,
    coalesce(moved.returned_units, 0) as returned_units,
    orders.currency_code,
    lines.unit_price_amount,
    lines.discount_amount,
    lines.net_amount,
    lines.tax_rate,
    lines.tax_amount,
    lines.total_amount,
    coalesce(moved.cancelled_amount, cast(0 as decimal(38, 4))) as cancelled_amount,
    coalesce(moved.returned_amount, cast(0 as decimal(38, 4))) as returned_amount
from {{ ref('int_orders_accepted') }} as orders
inner join {{ ref('stg_orders__order_placed__lines') }} as lines
    on orders.event_id = lines.event_id
    and orders.ordered_date = lines.occurred_date
left join {{ ref('int_order_lines_moved') }} as moved
    on orders.order_id = moved.order_id
    and lines.line_number = moved.line_number
