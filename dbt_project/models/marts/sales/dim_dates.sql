select
    date_day,
    extract(year from date_day) as calendar_year,
    extract(month from date_day) as calendar_month,
    weekday_number,
    retail_year,
    retail_quarter,
    retail_month,
    retail_week,
    retail_week_date,
    {{ days_added('date_day', '-364') }} as comparable_date
from {{ ref('int_dates_numbered') }}
