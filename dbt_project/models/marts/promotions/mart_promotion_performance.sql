{% set carried = ['sale_line_key', 'sale_kind', 'sale_id', 'sold_date', 'channel', 'currency_code', 'quantity', 'discount_amount', 'net_amount'] -%}
with applied as (

    select
        {{ carried | join(',\n        ') }},
        element as promotion_id,
        count(*) over (partition by sold_date, sale_line_key) as promotion_count
    from {{ exploded(ref('int_sale_lines_unioned'), 'promotion_ids', carried) }}

),

summed as (

    select
        sold_date,
        promotion_id,
        channel,
        currency_code,
        count(distinct sale_kind || ' ' || sale_id) as sale_count,
        count(distinct sale_line_key) as line_count,
        count(distinct case when promotion_count > 1 then sale_line_key end) as stacked_line_count,
        {{ summed_units('quantity') }} as unit_count,
        cast(sum(discount_amount) as decimal(38, 4)) as discount_amount,
        cast(sum(net_amount) as decimal(38, 4)) as net_amount
    from applied
    group by sold_date, promotion_id, channel, currency_code

)

select
    sold_date,
    promotion_id,
    channel,
    currency_code,
    sale_count,
    line_count,
    stacked_line_count,
    unit_count,
    discount_amount,
    net_amount
from summed
{{ rebuilt_days('sold_date') }}
