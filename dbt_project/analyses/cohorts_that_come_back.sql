-- What share of those who first bought in a month buys again in the months after?
select
    cohort_date,
    month_number,
    cohort_person_count,
    person_count,
    round(100 * retention_rate, 1) as retention_percent,
    reporting_net_amount
from marts.mart_cohorts
order by cohort_date, month_number
