with facts as (

    select
        sold_date as fact_date, sku, quantity as sold_units, cast(0 as bigint) as returned_units,
        cast(0 as bigint) as cart_additions, reporting_net_amount, reporting_discount_amount,
        cast(null as decimal(18, 4)) as reporting_refund_amount
    from {{ ref('int_sale_lines_converted') }}

    union all

    select
        returned_date as fact_date, sku, cast(0 as bigint) as sold_units, quantity as returned_units,
        cast(0 as bigint) as cart_additions, cast(null as decimal(18, 4)) as reporting_net_amount,
        cast(null as decimal(18, 4)) as reporting_discount_amount, reporting_refund_amount
    from {{ ref('int_return_lines_converted') }}

    union all

    select
        occurred_date as fact_date, sku, cast(0 as bigint) as sold_units, cast(0 as bigint) as returned_units,
        cast(1 as bigint) as cart_additions, cast(null as decimal(18, 4)) as reporting_net_amount,
        cast(null as decimal(18, 4)) as reporting_discount_amount,
        cast(null as decimal(18, 4)) as reporting_refund_amount
    from {{ ref('stg_web__cart_item_added') }}
    where not coalesce(is_bot, false)

)

select
    fact_date,
    sku,
    {{ summed_units('sold_units') }} as sold_units,
    {{ summed_units('returned_units') }} as returned_units,
    {{ summed_units('cart_additions') }} as cart_addition_count,
    coalesce(cast(sum(reporting_net_amount) as decimal(38, 4)), 0) as reporting_net_amount,
    coalesce(cast(sum(reporting_discount_amount) as decimal(38, 4)), 0) as reporting_discount_amount,
    coalesce(cast(sum(reporting_refund_amount) as decimal(38, 4)), 0) as reporting_refund_amount
from facts
group by fact_date, sku
