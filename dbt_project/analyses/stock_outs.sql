-- Where was nothing left, on how many days?
select
    sku,
    location_id,
    count(*) as day_count,
    max(balance_date) as last_date
from marts.mart_stock_daily
where is_out_of_stock
group by sku, location_id
order by day_count desc, sku, location_id
limit 50
