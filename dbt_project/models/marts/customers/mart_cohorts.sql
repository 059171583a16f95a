with firsts as (

    select
        person_id,
        min(purchased_date) as first_date
    from {{ ref('int_purchases_resolved') }}
    group by person_id

),

placed as (

    select
        purchases.person_id,
        purchases.purchase_key,
        purchases.reporting_net_amount,
        {{ days_added('firsts.first_date', '1 - extract(day from firsts.first_date)') }} as cohort_date,
        (extract(year from purchases.purchased_date) - extract(year from firsts.first_date)) * 12
        + extract(month from purchases.purchased_date) - extract(month from firsts.first_date) as month_number
    from {{ ref('int_purchases_resolved') }} as purchases
    inner join firsts on purchases.person_id = firsts.person_id

),

sizes as (

    select
        cohort_date,
        count(distinct person_id) as cohort_person_count
    from placed
    group by cohort_date

),

counted as (

    select
        cohort_date,
        month_number,
        count(distinct person_id) as person_count,
        count(distinct purchase_key) as purchase_count,
        cast(sum(reporting_net_amount) as decimal(38, 4)) as reporting_net_amount
    from placed
    group by cohort_date, month_number

)

select
    counted.cohort_date,
    counted.month_number,
    sizes.cohort_person_count,
    counted.person_count,
    cast(counted.person_count as double) / sizes.cohort_person_count as retention_rate,
    counted.purchase_count,
    counted.reporting_net_amount
from counted
inner join sizes on counted.cohort_date = sizes.cohort_date
