-- Rows of the ledger as days. Reads the table `stock_ledger`, whole days of it. Rows without effect make no day.
with
    days as (
        select
            sku,
            location_id,
            moved_date as balance_date,
            sum(quantity_change) as changed_quantity,
            coalesce(sum(quantity_change) filter (kind = 'received'), 0) as received_quantity,
            coalesce(sum(quantity_change) filter (kind = 'adjusted'), 0) as adjusted_quantity,
            coalesce(sum(quantity_change) filter (kind = 'counted'), 0) as correction_quantity,
            last(balance_quantity order by moved_at, is_count_booking, count_id nulls first, event_id) as closing_quantity,
            min(balance_quantity) as least_quantity,
            count(*) filter (effect = 'moved') as movement_count,
            count(*) filter (effect = 'settled') as settled_count,
            bool_or(is_counted) as is_counted
        from stock_ledger
        where effect in ('moved', 'settled')
        group by sku, location_id, moved_date
    )
select
    sku,
    location_id,
    balance_date,
    cast(closing_quantity - changed_quantity as bigint) as opening_quantity,
    cast(received_quantity as bigint) as received_quantity,
    cast(adjusted_quantity as bigint) as adjusted_quantity,
    cast(correction_quantity as bigint) as correction_quantity,
    closing_quantity,
    least(opening_quantity, least_quantity) as lowest_quantity,
    lowest_quantity < 0 as is_negative,
    movement_count,
    settled_count,
    is_counted
from days
