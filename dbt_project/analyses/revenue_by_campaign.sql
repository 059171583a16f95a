-- Which campaigns have a part in revenue, by each model of attribution?
select
    coalesce(campaign_source, '(none)') as source,
    coalesce(campaign_medium, '(none)') as medium,
    currency_code,
    count(distinct order_id) as order_count,
    cast(sum(first_touch_amount) as decimal(38, 4)) as first_touch_amount,
    cast(sum(last_touch_amount) as decimal(38, 4)) as last_touch_amount,
    cast(sum(linear_amount) as decimal(38, 4)) as linear_amount,
    cast(sum(position_amount) as decimal(38, 4)) as position_amount
from marts.mart_attribution
group by coalesce(campaign_source, '(none)'), coalesce(campaign_medium, '(none)'), currency_code
order by linear_amount desc, source, medium
