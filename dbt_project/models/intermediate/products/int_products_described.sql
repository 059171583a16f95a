with ranked as (

    select
        *,
        row_number() over (partition by sku order by occurred_at desc, event_id desc) as place,
        min(occurred_at) over (partition by sku) as first_described_at,
        count(*) over (partition by sku) as change_count
    from {{ ref('stg_products__product_updated') }}

)

select
    sku,
    product_id,
    gtin,
    name,
    brand,
    brand_type,
    category_id,
    category_path,
    department,
    subcategory,
    list_price_amount,
    cost_amount,
    currency_code,
    tax_class,
    is_active,
    lifecycle_status,
    launch_date,
    discontinued_date,
    season,
    color,
    size,
    package_size,
    unit_of_measure,
    is_weighed,
    supplier_id,
    origin_country_code,
    first_described_at,
    occurred_at as last_described_at,
    change_count
from ranked
where place = 1
