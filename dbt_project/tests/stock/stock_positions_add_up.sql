-- Opening stock (the newest count, or none) and the movements since are the closing stock, summed anew from the events.
with received as (
    select stock.sku, stock.location_id, sum(cast(receipts.quantity as decimal(38, 0))) as quantity
    from {{ ref('mart_inventory_position') }} as stock
    inner join {{ ref('stg_stock__stock_received') }} as receipts
        on stock.sku = receipts.sku
        and stock.location_id = receipts.location_id
    where stock.counted_at is null or receipts.occurred_at > stock.counted_at
    group by stock.sku, stock.location_id
),

adjusted as (
    select stock.sku, stock.location_id, sum(cast(adjustments.quantity_change as decimal(38, 0))) as quantity
    from {{ ref('mart_inventory_position') }} as stock
    inner join {{ ref('stg_stock__stock_adjusted') }} as adjustments
        on stock.sku = adjustments.sku
        and stock.location_id = adjustments.location_id
    where
        coalesce(adjustments.stock_status, 'available') = 'available'
        and (
            stock.counted_at is null
            or (
                adjustments.occurred_at > stock.counted_at
                and adjustments.reason <> 'count_difference'
                and not (adjustments.reason = 'correction' and coalesce(adjustments.reference_type, '') = 'count')
            )
        )
    group by stock.sku, stock.location_id
)

select
    stock.sku,
    stock.location_id,
    stock.counted_quantity,
    received.quantity as received_quantity,
    adjusted.quantity as adjusted_quantity,
    stock.position_quantity
from {{ ref('mart_inventory_position') }} as stock
left join received on stock.sku = received.sku and stock.location_id = received.location_id
left join adjusted on stock.sku = adjusted.sku and stock.location_id = adjusted.location_id
where
    cast(coalesce(stock.counted_quantity, 0) as decimal(38, 0)) + coalesce(received.quantity, 0) + coalesce(adjusted.quantity, 0)
    <> stock.position_quantity
    or cast(stock.received_quantity as decimal(38, 0)) + stock.adjusted_quantity + stock.correction_quantity
    <> stock.position_quantity
