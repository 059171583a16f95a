-- Where do visitors leave on their way to an order?
select
    channel,
    device_type,
    sum(session_count) as session_count,
    sum(product_session_count) as product_session_count,
    sum(cart_session_count) as cart_session_count,
    sum(checkout_session_count) as checkout_session_count,
    sum(order_session_count) as order_session_count,
    round(100.0 * sum(order_session_count) / sum(session_count), 2) as conversion_percent
from marts.mart_conversion_funnel
group by channel, device_type
order by session_count desc
