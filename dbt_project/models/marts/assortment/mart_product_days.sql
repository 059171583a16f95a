select
    fact_date,
    sku,
    sold_units,
    returned_units,
    cart_addition_count,
    reporting_net_amount,
    reporting_discount_amount,
    reporting_refund_amount
from {{ ref('int_product_days_summed') }}
{{ rebuilt_days('fact_date') }}
