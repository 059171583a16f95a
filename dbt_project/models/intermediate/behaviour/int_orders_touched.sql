with orders as (

    select
        accepted.order_id,
        placed.visitor_id,
        accepted.ordered_at,
        accepted.ordered_date,
        accepted.currency_code,
        try_cast(sum(lines.net_amount) as decimal(18, 4)) as revenue_amount
    from {{ ref('int_orders_accepted') }} as accepted
    inner join {{ ref('stg_orders__order_placed') }} as placed
        on accepted.event_id = placed.event_id
        and accepted.ordered_date = placed.occurred_date
    inner join {{ ref('stg_orders__order_placed__lines') }} as lines
        on accepted.event_id = lines.event_id
        and accepted.ordered_date = lines.occurred_date
    where placed.visitor_id is not null
    group by
        accepted.order_id, placed.visitor_id, accepted.ordered_at, accepted.ordered_date, accepted.currency_code

),

touches as (

    select
        orders.*,
        sessions.session_id,
        sessions.started_at as touched_at,
        sessions.campaign_source,
        sessions.campaign_medium,
        sessions.campaign_name,
        row_number() over (
            partition by orders.order_id order by sessions.started_at desc, sessions.session_id desc
        ) as place_from_end
    from orders
    inner join {{ ref('stg_derived__sessions') }} as sessions
        on orders.visitor_id = sessions.visitor_id
        and orders.ordered_at >= sessions.started_at
        and sessions.started_at > orders.ordered_at - interval '{{ var("attribution_days") }}' day

)

select
    order_id,
    visitor_id,
    ordered_at,
    ordered_date,
    currency_code,
    revenue_amount,
    session_id,
    touched_at,
    campaign_source,
    campaign_medium,
    campaign_name,
    count(*) over (partition by order_id) as touch_count,
    count(*) over (partition by order_id) - place_from_end + 1 as touch_number
from touches
where place_from_end <= 100
