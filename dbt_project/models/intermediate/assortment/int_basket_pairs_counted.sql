with baskets as (

    select distinct
        sale_kind || ' ' || sale_id as basket,
        sku
    from {{ ref('int_sale_lines_unioned') }}

),

sizes as (

    select
        basket,
        count(*) as sku_count
    from baskets
    group by basket

),

usual as (

    select
        baskets.basket,
        baskets.sku
    from baskets
    inner join sizes on baskets.basket = sizes.basket
    where sizes.sku_count <= {{ var('largest_basket') }}

),

totals as (

    select count(distinct basket) as basket_count
    from usual

),

singles as (

    select
        sku,
        count(*) as basket_count
    from usual
    group by sku

),

pairs as (

    select
        usual.sku,
        others.sku as with_sku,
        count(*) as pair_count
    from usual
    inner join usual as others on usual.basket = others.basket and usual.sku <> others.sku
    group by usual.sku, others.sku
    having count(*) >= {{ var('pairs_from') }}

)

select
    pairs.sku,
    pairs.with_sku,
    pairs.pair_count,
    singles.basket_count,
    cast(pairs.pair_count as double) / totals.basket_count as support,
    cast(pairs.pair_count as double) / singles.basket_count as confidence,
    (cast(pairs.pair_count as double) * totals.basket_count)
    / (cast(singles.basket_count as double) * others.basket_count) as lift
from pairs
inner join singles on pairs.sku = singles.sku
inner join singles as others on pairs.with_sku = others.sku
cross join totals
