with changes as (

    select
        cart_id, visitor_id, channel, sku, occurred_at, event_id, currency_code, unit_price_amount,
        quantity as quantity_change, true as is_addition
    from {{ ref('stg_web__cart_item_added') }}

    union all

    select
        cart_id, visitor_id, channel, sku, occurred_at, event_id, currency_code, unit_price_amount,
        -quantity as quantity_change, false as is_addition
    from {{ ref('stg_web__cart_item_removed') }}

),

ranked as (

    select
        *,
        row_number() over (partition by cart_id, sku order by occurred_at desc, event_id desc) as place
    from changes

),

lines as (

    select
        cart_id,
        sku,
        {{ summed_units('quantity_change') }} as quantity,
        max(case when place = 1 then unit_price_amount end) as unit_price_amount
    from ranked
    group by cart_id, sku

),

contents as (

    select
        cart_id,
        count(case when quantity > 0 then 1 end) as line_count,
        {{ summed_units('case when quantity > 0 then quantity else 0 end') }} as unit_count,
        try_cast(
            sum(
                case
                    when quantity > 0 then try_cast(cast(unit_price_amount as decimal(38, 4)) * quantity as decimal(38, 4))
                end
            ) as decimal(38, 4)
        ) as cart_amount
    from lines
    group by cart_id

),

carts as (

    select
        cart_id,
        max(visitor_id) as visitor_id,
        max(channel) as channel,
        max(currency_code) as currency_code,
        min(case when is_addition then occurred_at end) as started_at,
        max(occurred_at) as last_changed_at,
        count(case when is_addition then 1 end) as addition_count,
        count(case when not is_addition then 1 end) as removal_count
    from changes
    group by cart_id

),

checkouts as (

    select
        cart_id,
        min(occurred_at) as checkout_started_at
    from {{ ref('stg_web__checkout_started') }}
    group by cart_id

),

orders as (

    select
        cart_id,
        min(occurred_at) as ordered_at,
        min(order_id) as order_id
    from {{ ref('stg_orders__order_placed') }}
    where cart_id is not null
    group by cart_id

)

select
    carts.cart_id,
    carts.visitor_id,
    coalesce(carts.channel, 'unknown') as channel,
    carts.started_at,
    cast(carts.started_at as date) as started_date,
    carts.last_changed_at,
    carts.addition_count,
    carts.removal_count,
    contents.line_count,
    contents.unit_count,
    carts.currency_code,
    coalesce(contents.cart_amount, cast(0 as decimal(38, 4))) as cart_amount,
    checkouts.checkout_started_at,
    orders.ordered_at,
    orders.order_id,
    case
        when orders.order_id is not null then cast('ordered' as varchar)
        when contents.line_count = 0 then 'emptied'
        when checkouts.checkout_started_at is not null then 'left_in_checkout'
        else 'left'
    end as outcome
from carts
inner join contents on carts.cart_id = contents.cart_id
left join checkouts on carts.cart_id = checkouts.cart_id
left join orders on carts.cart_id = orders.cart_id
where carts.started_at is not null
