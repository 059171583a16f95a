with priced as (

    select
        products.*,
        prices.price_amount as current_price_amount,
        prices.currency_code as current_price_currency_code,
        prices.price_type as current_price_type,
        prices.price_list_id as current_price_list_id,
        prices.is_tax_included as is_current_price_tax_included,
        prices.valid_from_at as current_price_from_at
    from {{ ref('int_products_described') }} as products
    left join {{ ref('int_prices_applied') }} as prices on products.sku = prices.sku

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
    current_price_amount,
    current_price_currency_code,
    current_price_type,
    current_price_list_id,
    is_current_price_tax_included,
    current_price_from_at,
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
    last_described_at,
    change_count
from priced
