-- Which carriers keep the day they announce, and how long do they take?
select
    carrier,
    count(*) as shipment_count,
    count(delivered_at) as delivered_count,
    round(100 * cast(count(case when is_on_time then 1 end) as double) / nullif(count(is_on_time), 0), 1) as on_time_percent,
    round(avg(cast(transit_hours as double)), 1) as transit_hours
from marts.fct_shipments
group by carrier
order by shipment_count desc, carrier
