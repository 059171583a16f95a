-- The days of mart_daily_sales are the sums of fct_sales, per day and currency.
with daily as (
    select
        sold_date,
        currency_code,
        sum(line_count) as line_count,
        case when count(unit_count) = count(*) then sum(cast(unit_count as decimal(38, 0))) end as unit_count,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(total_amount) as total_amount,
        coalesce(sum(reporting_total_amount), 0) as reporting_total_amount
    from {{ ref('mart_daily_sales') }}
    group by sold_date, currency_code
),

lines as (
    select
        sold_date,
        currency_code,
        count(*) as line_count,
        sum(cast(quantity as decimal(38, 0))) as unit_count,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(net_amount) + sum(tax_amount) as total_amount,
        coalesce(sum(reporting_total_amount), 0) as reporting_total_amount
    from {{ ref('fct_sales') }}
    group by sold_date, currency_code
)

select
    coalesce(daily.sold_date, lines.sold_date) as sold_date,
    coalesce(daily.currency_code, lines.currency_code) as currency_code,
    daily.total_amount as daily_amount,
    lines.total_amount as lines_amount
from daily
full outer join lines
    on daily.sold_date = lines.sold_date
    and daily.currency_code = lines.currency_code
where
    daily.sold_date is null
    or lines.sold_date is null
    or daily.line_count <> lines.line_count
    or daily.unit_count <> lines.unit_count
    or daily.net_amount <> lines.net_amount
    or daily.tax_amount <> lines.tax_amount
    or daily.total_amount <> lines.total_amount
    or daily.reporting_total_amount <> lines.reporting_total_amount
