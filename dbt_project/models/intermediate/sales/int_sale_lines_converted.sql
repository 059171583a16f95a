with converted as (

    select
        sale_lines.*,
        rates.rate_date as reporting_rate_date,
        {{ in_reporting_currency('sale_lines.discount_amount', 'sale_lines.currency_code', 'rates') }}
            as reporting_discount_amount,
        {{ in_reporting_currency('sale_lines.net_amount', 'sale_lines.currency_code', 'rates') }}
            as reporting_net_amount,
        {{ in_reporting_currency('sale_lines.tax_amount', 'sale_lines.currency_code', 'rates') }}
            as reporting_tax_amount
    from {{ ref('int_sale_lines_unioned') }} as sale_lines
    {{ joined_rate('rates', 'sale_lines.currency_code', 'sale_lines.sold_date') }}

)

select
    sale_line_key,
    sale_kind,
    sale_id,
    line_number,
    sold_at,
    sold_date,
    channel,
    store_id,
    customer_id,
    sku,
    product_id,
    quantity,
    currency_code,
    cast(net_amount + discount_amount as decimal(38, 4)) as gross_amount,
    discount_amount,
    net_amount,
    tax_amount,
    cast(net_amount + tax_amount as decimal(38, 4)) as total_amount,
    cast('{{ var("reporting_currency") }}' as varchar) as reporting_currency_code,
    reporting_rate_date,
    reporting_net_amount is not null
    and reporting_discount_amount is not null
    and reporting_tax_amount is not null as has_reporting_amounts,
    cast(reporting_net_amount + reporting_discount_amount as decimal(38, 4)) as reporting_gross_amount,
    reporting_discount_amount,
    reporting_net_amount,
    reporting_tax_amount,
    cast(reporting_net_amount + reporting_tax_amount as decimal(38, 4)) as reporting_total_amount
from converted
