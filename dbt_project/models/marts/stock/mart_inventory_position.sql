select
    sku,
    location_id,
    received_quantity,
    adjusted_quantity,
    counted_at,
    counted_quantity,
    moved_since_count_quantity,
    correction_quantity,
    position_quantity,
    position_quantity < 0 as is_negative,
    last_moved_at
from {{ ref('int_stock_positions_computed') }}
