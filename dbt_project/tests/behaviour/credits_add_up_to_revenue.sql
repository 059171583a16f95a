-- Whatever the model, the credits of an order add up to its revenue, to the last decimal.
select
    order_id,
    max(revenue_amount) as revenue_amount,
    sum(first_touch_amount) as first_touch_amount,
    sum(last_touch_amount) as last_touch_amount,
    sum(linear_amount) as linear_amount,
    sum(position_amount) as position_amount
from {{ ref('mart_attribution') }}
group by order_id
having
    max(revenue_amount) <> sum(first_touch_amount)
    or max(revenue_amount) <> sum(last_touch_amount)
    or max(revenue_amount) <> sum(linear_amount)
    or max(revenue_amount) <> sum(position_amount)
    or max(touch_count) <> count(*)
    or min(linear_amount) < 0
    or min(position_amount) < 0
