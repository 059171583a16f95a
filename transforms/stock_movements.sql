-- Events of stock as movements: what a row of the ledger says by itself. Reads the table `events` (see
-- contracts/tables/stock_ledger.yaml).
select
    event_id,
    occurred_at as moved_at,
    cast(occurred_at as date) as moved_date,
    sku,
    location_id,
    case event_type when 'stock_received' then 'received' when 'stock_adjusted' then 'adjusted' else 'counted' end as kind,
    case when event_type = 'stock_adjusted' then reason end as reason,
    coalesce(stock_status, 'available') as stock_status,
    event_type = 'stock_adjusted'
    and coalesce(reason = 'count_difference' or (reason = 'correction' and reference_type = 'count'), false) as is_count_booking,
    case when event_type = 'stock_counted' then count_id end as count_id,
    case when event_type = 'stock_counted' then bin_code end as bin_code,
    lot_number,
    case event_type
        when 'stock_received' then quantity
        when 'stock_adjusted' then quantity_change
        else counted_quantity
    end as stated_quantity,
    cast(null as date) as count_started_date
from events
