-- First days and numbers of weeks of the 4-5-4 calendar as the National Retail Federation published them.
with published (retail_year, first_date, week_count) as (
    values
    (2017, date '2017-01-29', 53),
    (2018, date '2018-02-04', 52),
    (2022, date '2022-01-30', 52),
    (2023, date '2023-01-29', 53),
    (2024, date '2024-02-04', 52),
    (2025, date '2025-02-02', 52),
    (2026, date '2026-02-01', 52)
),

found as (
    select
        retail_year,
        min(date_day) as first_date,
        max(retail_week) as week_count
    from {{ ref('dim_dates') }}
    group by retail_year
)

select
    published.retail_year,
    published.first_date,
    found.first_date as found_date,
    found.week_count
from published
left join found on published.retail_year = found.retail_year
where
    found.retail_year is null
    or found.first_date <> published.first_date
    or found.week_count <> published.week_count

union all

select
    retail_year,
    min(date_day) as first_date,
    max(date_day) as found_date,
    count(distinct retail_month) as week_count
from {{ ref('dim_dates') }}
group by retail_year
having count(distinct retail_month) <> 12 or count(distinct retail_quarter) <> 4
