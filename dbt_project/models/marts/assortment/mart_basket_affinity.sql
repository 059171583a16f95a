select
    sku,
    with_sku,
    pair_count,
    basket_count,
    support,
    confidence,
    lift
from {{ ref('int_basket_pairs_counted') }}
