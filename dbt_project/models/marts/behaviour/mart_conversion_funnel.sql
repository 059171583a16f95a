with counted as (

    select
        session_date,
        channel,
        device_type,
        count(*) as session_count,
        count(case when furthest_step >= 2 then 1 end) as product_session_count,
        count(case when furthest_step >= 3 then 1 end) as cart_session_count,
        count(case when furthest_step >= 4 then 1 end) as checkout_session_count,
        count(case when furthest_step >= 5 then 1 end) as order_session_count
    from {{ ref('int_sessions_reached') }}
    group by session_date, channel, device_type

)

select
    session_date,
    channel,
    device_type,
    session_count,
    product_session_count,
    cart_session_count,
    checkout_session_count,
    order_session_count,
    cast(product_session_count as double) / session_count as product_rate,
    cast(cart_session_count as double) / nullif(product_session_count, 0) as cart_rate,
    cast(checkout_session_count as double) / nullif(cart_session_count, 0) as checkout_rate,
    cast(order_session_count as double) / nullif(checkout_session_count, 0) as order_rate,
    cast(order_session_count as double) / session_count as conversion_rate
from counted
{{ rebuilt_days('session_date') }}
