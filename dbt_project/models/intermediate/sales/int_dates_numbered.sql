with weeks as (

    select
        date_day,
        {{ iso_weekday('date_day') }} as weekday_number,
        {{ days_added('date_day', '-(' ~ iso_weekday('date_day') ~ ' % 7)') }} as retail_week_date
    from {{ days_from_to(var('first_date'), var('last_date')) }}

),

years as (

    select
        *,
        extract(year from retail_week_date)
        - case when extract(month from retail_week_date) = 1 and extract(day from retail_week_date) < 29 then 1 else 0 end
            as retail_year
    from weeks

),

placed as (

    select
        *,
        {{ whole_quotient("date_diff('day', min(retail_week_date) over (partition by retail_year), retail_week_date)", 7) }}
        + 1 as retail_week
    from years

),

quarters as (

    select
        *,
        case when retail_week > 52 then 4 else {{ whole_quotient('retail_week - 1', 13) }} + 1 end as retail_quarter
    from placed

)

select
    date_day,
    weekday_number,
    retail_week_date,
    retail_year,
    retail_quarter,
    (retail_quarter - 1) * 3 + case
        when retail_week - (retail_quarter - 1) * 13 <= 4 then 1
        when retail_week - (retail_quarter - 1) * 13 <= 9 then 2
        else 3
    end as retail_month,
    retail_week
from quarters
