-- What did each channel sell on each day, in the reporting currency?
select
    sold_date,
    channel,
    cast(sum(order_count) as bigint) as order_count,
    cast(sum(receipt_count) as bigint) as receipt_count,
    cast(sum(unit_count) as bigint) as unit_count,
    cast(sum(reporting_net_amount) as decimal(38, 4)) as net_amount,
    cast(sum(reporting_total_amount) as decimal(38, 4)) as total_amount,
    max(reporting_currency_code) as currency_code
from marts.mart_daily_sales
group by sold_date, channel
order by sold_date, channel
