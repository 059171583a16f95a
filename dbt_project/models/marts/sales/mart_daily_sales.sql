with summed as (

    select
        sold_date,
        channel,
        store_id,
        currency_code,
        count(distinct case when sale_kind = 'order' then sale_id end) as order_count,
        count(distinct case when sale_kind = 'receipt' then sale_id end) as receipt_count,
        count(*) as line_count,
        {{ summed_units('quantity') }} as unit_count,
        cast(sum(gross_amount) as decimal(38, 4)) as gross_amount,
        cast(sum(discount_amount) as decimal(38, 4)) as discount_amount,
        cast(sum(net_amount) as decimal(38, 4)) as net_amount,
        cast(sum(tax_amount) as decimal(38, 4)) as tax_amount,
        cast(sum(total_amount) as decimal(38, 4)) as total_amount,
        cast('{{ var("reporting_currency") }}' as varchar) as reporting_currency_code,
        cast(sum(reporting_net_amount) as decimal(38, 4)) as reporting_net_amount,
        cast(sum(reporting_tax_amount) as decimal(38, 4)) as reporting_tax_amount,
        cast(sum(reporting_total_amount) as decimal(38, 4)) as reporting_total_amount,
        count(case when not has_reporting_amounts then 1 end) as unconverted_line_count
    from {{ ref('int_sale_lines_converted') }}
    group by sold_date, channel, store_id, currency_code

)

select
    sold_date,
    channel,
    store_id,
    currency_code,
    order_count,
    receipt_count,
    line_count,
    unit_count,
    gross_amount,
    discount_amount,
    net_amount,
    tax_amount,
    total_amount,
    reporting_currency_code,
    reporting_net_amount,
    reporting_tax_amount,
    reporting_total_amount,
    unconverted_line_count
from summed
{{ rebuilt_days('sold_date') }}
