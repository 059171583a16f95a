-- No step of the funnel holds more sessions than the one before.
select *
from {{ ref('mart_conversion_funnel') }}
where
    product_session_count > session_count
    or cart_session_count > product_session_count
    or checkout_session_count > cart_session_count
    or order_session_count > checkout_session_count
