with ranked as (

    select
        *,
        row_number() over (partition by sku, occurred_at order by event_id desc) as place
    from {{ ref('stg_products__product_updated') }}

)

select
    sku,
    occurred_at as valid_from,
    lead(occurred_at) over (partition by sku order by occurred_at) as valid_to,
    lead(occurred_at) over (partition by sku order by occurred_at) is null as is_newest,
    event_id,
    product_id,
    name,
    brand,
    category_id,
    category_path,
    department,
    list_price_amount,
    cost_amount,
    currency_code,
    tax_class,
    is_active,
    lifecycle_status,
    supplier_id
from ranked
where place = 1
