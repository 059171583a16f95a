-- What did each channel sell on each day, in the reporting currency?
select
    sold_date,
    channel,
    sum(order_count) as order_count,
    sum(receipt_count) as receipt_count,
    sum(unit_count) as unit_count,
    sum(reporting_net_amount) as net_amount,
    sum(reporting_total_amount) as total_amount,
    max(reporting_currency_code) as currency_code
from marts.mart_daily_sales
group by sold_date, channel
order by sold_date, channel
