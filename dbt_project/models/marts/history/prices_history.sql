with ranked as (

    select
        *,
        row_number() over (
            partition by
                sku, price_list_id, currency_code, price_type, coalesce(store_id, ''), coalesce(minimum_quantity, 1),
                valid_from_at
            order by occurred_at desc, event_id desc
        ) as place
    from {{ ref('stg_products__price_changed') }}

),

followed as (

    select
        *,
        lead(valid_from_at) over (
            partition by
                sku, price_list_id, currency_code, price_type, coalesce(store_id, ''), coalesce(minimum_quantity, 1)
            order by valid_from_at
        ) as next_from_at
    from ranked
    where
        place = 1
        and (valid_to_at is null or valid_to_at > valid_from_at)

)

select
    sku,
    price_list_id,
    currency_code,
    price_type,
    store_id,
    coalesce(minimum_quantity, 1) as minimum_quantity,
    valid_from_at as valid_from,
    case
        when valid_to_at is null then next_from_at
        when next_from_at is null or valid_to_at < next_from_at then valid_to_at
        else next_from_at
    end as valid_to,
    next_from_at is null as is_newest,
    event_id,
    occurred_at as decided_at,
    price_amount,
    is_tax_included,
    change_reason,
    promotion_id
from followed
