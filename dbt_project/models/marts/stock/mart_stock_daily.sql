select
    sku,
    location_id,
    balance_date,
    opening_quantity,
    received_quantity,
    adjusted_quantity,
    correction_quantity,
    closing_quantity,
    lowest_quantity,
    lowest_quantity <= 0 as is_out_of_stock,
    is_negative,
    is_counted
from {{ ref('stg_derived__stock_balances') }}
{{ rebuilt_days('balance_date') }}
