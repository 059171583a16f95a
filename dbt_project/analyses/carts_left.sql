-- How many carts are left, where, and what is in them?
select
    channel,
    outcome,
    currency_code,
    count(*) as cart_count,
    cast(sum(unit_count) as bigint) as unit_count,
    cast(sum(cart_amount) as decimal(38, 4)) as cart_amount
from marts.mart_carts
group by channel, outcome, currency_code
order by channel, outcome, currency_code
