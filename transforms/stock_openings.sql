-- The last row of the ledger before each key's from_date. Reads the tables `stock_starts` (sku, location_id, from_date) and
-- `stock_ledger`.
select
    s.sku,
    s.location_id,
    s.from_date,
    coalesce(last(l.balance_quantity order by moved_at, is_count_booking, count_id nulls first, event_id), 0) as balance_quantity,
    coalesce(bool_or(l.is_counted), false) as is_counted
from stock_starts as s
left join stock_ledger as l on s.sku = l.sku and s.location_id = l.location_id and l.moved_date < s.from_date
group by s.sku, s.location_id, s.from_date
