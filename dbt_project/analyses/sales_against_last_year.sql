-- How do sales of each retail week compare with the same week of the year before, in the reporting currency?
with weeks as (

    select
        dates.retail_year,
        dates.retail_week,
        sum(sales.reporting_net_amount) as net_amount
    from marts.mart_daily_sales as sales
    inner join marts.dim_dates as dates on sales.sold_date = dates.date_day
    group by dates.retail_year, dates.retail_week

)

select
    weeks.retail_year,
    weeks.retail_week,
    cast(weeks.net_amount as decimal(38, 4)) as net_amount,
    cast(before.net_amount as decimal(38, 4)) as net_amount_before,
    round(100 * (cast(weeks.net_amount as double) / cast(before.net_amount as double) - 1), 1) as change_percent
from weeks
left join weeks as before
    on weeks.retail_year = before.retail_year + 1
    and weeks.retail_week = before.retail_week
order by weeks.retail_year, weeks.retail_week
