-- The day from which on each key's ledger may change. Reads the table `stock_touched` and `$count_days`.
select
    sku,
    location_id,
    min(case when kind = 'counted' then moved_date - $count_days else moved_date end) as from_date
from stock_touched
group by sku, location_id
