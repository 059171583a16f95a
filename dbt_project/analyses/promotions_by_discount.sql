-- Which promotions gave most away, and on how much revenue?
select
    promotion_id,
    currency_code,
    cast(sum(sale_count) as bigint) as sale_count,
    cast(sum(unit_count) as bigint) as unit_count,
    cast(sum(discount_amount) as decimal(38, 4)) as discount_amount,
    cast(sum(net_amount) as decimal(38, 4)) as net_amount,
    round(100 * cast(sum(stacked_line_count) as double) / sum(line_count), 1) as stacked_percent
from marts.mart_promotion_performance
group by promotion_id, currency_code
order by discount_amount desc, promotion_id
limit 20
