select
    lines.event_id || '-' || cast(lines.element_number as varchar) as sale_line_key,
    cast('order' as varchar) as sale_kind,
    lines.order_id as sale_id,
    lines.line_number,
    lines.occurred_at as sold_at,
    lines.occurred_date as sold_date,
    coalesce(
        orders.channel, case when orders.marketplace_name is not null then 'marketplace' end, 'unknown'
    ) as channel,
    orders.store_id,
    orders.customer_id,
    lines.sku,
    lines.product_id,
    lines.quantity,
    orders.currency_code,
    lines.discount_amount,
    lines.net_amount,
    lines.tax_amount,
    lines.promotion_ids
from {{ ref('stg_orders__order_placed__lines') }} as lines
inner join {{ ref('stg_orders__order_placed') }} as orders
    on lines.event_id = orders.event_id
    and lines.occurred_date = orders.occurred_date

union all

select
    lines.event_id || '-' || cast(lines.element_number as varchar) as sale_line_key,
    cast('receipt' as varchar) as sale_kind,
    lines.receipt_id as sale_id,
    lines.line_number,
    lines.occurred_at as sold_at,
    lines.occurred_date as sold_date,
    coalesce(receipts.channel, 'store') as channel,
    receipts.store_id,
    receipts.customer_id,
    lines.sku,
    lines.product_id,
    lines.quantity,
    receipts.currency_code,
    lines.discount_amount,
    lines.net_amount,
    lines.tax_amount,
    lines.promotion_ids
from {{ ref('stg_stores__sale_completed__lines') }} as lines
inner join {{ ref('stg_stores__sale_completed') }} as receipts
    on lines.event_id = receipts.event_id
    and lines.occurred_date = receipts.occurred_date
