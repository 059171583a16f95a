-- What is said of each session. Reads `cuts` (one row a session: what was counted and picked from its events, see sessions.py)
-- and `orders` (one row an order, with the number of its session).
with
    sums as (
        select
            session,
            min(currency_code) as currency_code,
            -- a sum beyond the column is no figure, and must not stop the run
            case when min(currency_code) = max(currency_code) then try_cast(sum(total_amount) as decimal(18, 4)) end as order_amount
        from orders
        group by session
    )
select
    -- the length keeps apart ids that hold the separator
    left(sha256(concat_ws('|', epoch_us(started_at), length(visitor_id), visitor_id, first_event_id)), 32) as session_id,
    visitor_id,
    customer_id,
    started_at,
    ended_at,
    started_at::date as started_date,
    (epoch_us(ended_at) - epoch_us(started_at)) // 1000000 as duration_seconds,
    channel,
    device_type,
    country_code,
    is_bot,
    landing_page_url,
    exit_page_url,
    referrer_url,
    campaign_source,
    campaign_medium,
    campaign_name,
    event_count,
    page_view_count,
    product_view_count,
    search_count,
    cart_addition_count,
    checkout_count,
    order_count,
    order_amount,
    case when order_amount is not null then currency_code end as currency_code,
    -- a product or result page sends its product view or search beside the page view
    page_view_count = 1
    and product_view_count + search_count <= 1
    and event_count = page_view_count + product_view_count + search_count as is_bounce,
    order_count > 0 as is_converted,
    first_event_id
from cuts
left join sums using (session)
