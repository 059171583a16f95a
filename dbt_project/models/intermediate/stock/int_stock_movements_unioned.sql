select
    event_id,
    occurred_at as moved_at,
    sku,
    location_id,
    cast('received' as varchar) as kind,
    quantity as quantity_change,
    false as is_count_booking
from {{ ref('stg_stock__stock_received') }}

union all

select
    event_id,
    occurred_at as moved_at,
    sku,
    location_id,
    cast('adjusted' as varchar) as kind,
    quantity_change,
    reason = 'count_difference'
    or (reason = 'correction' and coalesce(reference_type, '') = 'count') as is_count_booking
from {{ ref('stg_stock__stock_adjusted') }}
where coalesce(stock_status, 'available') = 'available'
