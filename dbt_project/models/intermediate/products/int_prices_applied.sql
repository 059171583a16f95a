with known_until as (

    select max(occurred_at) as known_at
    from (
        select occurred_at from {{ ref('stg_products__price_changed') }}
        union all
        select occurred_at from {{ ref('stg_products__product_updated') }}
    ) as catalogue_events

),

ranked as (

    select
        prices.*,
        row_number() over (
            partition by prices.sku
            order by
                case when prices.currency_code = '{{ var("reporting_currency") }}' then 0 else 1 end asc,
                prices.valid_from_at desc,
                prices.occurred_at desc,
                prices.event_id desc
        ) as place
    from {{ ref('stg_products__price_changed') }} as prices
    cross join known_until
    where
        prices.valid_from_at <= known_until.known_at
        and (prices.valid_to_at is null or prices.valid_to_at > known_until.known_at)
        and prices.price_type in ('regular', 'promotional', 'markdown', 'clearance')
        and prices.store_id is null
        and coalesce(prices.minimum_quantity, 1) <= 1

)

select
    sku,
    price_amount,
    currency_code,
    price_type,
    price_list_id,
    is_tax_included,
    valid_from_at,
    valid_to_at
from ranked
where place = 1
