-- Where do visitors leave on their way to an order?
select
    channel,
    device_type,
    cast(sum(session_count) as bigint) as session_count,
    cast(sum(product_session_count) as bigint) as product_session_count,
    cast(sum(cart_session_count) as bigint) as cart_session_count,
    cast(sum(checkout_session_count) as bigint) as checkout_session_count,
    cast(sum(order_session_count) as bigint) as order_session_count,
    round(100 * cast(sum(order_session_count) as double) / sum(session_count), 2) as conversion_percent
from marts.mart_conversion_funnel
group by channel, device_type
order by session_count desc
