with published as (

    select
        quote_currency_code as currency_code,
        rate_date,
        rate,
        true as is_divisor,
        coalesce(is_correction, false) as is_correction,
        occurred_at,
        event_id
    from {{ ref('stg_finance__fx_rate_published') }}
    where
        base_currency_code = '{{ var("reporting_currency") }}'
        and coalesce(rate_type, 'reference') = 'reference'
        and rate > 0

    union all

    select
        base_currency_code as currency_code,
        rate_date,
        rate,
        false as is_divisor,
        coalesce(is_correction, false) as is_correction,
        occurred_at,
        event_id
    from {{ ref('stg_finance__fx_rate_published') }}
    where
        quote_currency_code = '{{ var("reporting_currency") }}'
        and coalesce(rate_type, 'reference') = 'reference'
        and rate > 0

),

ranked as (

    select
        *,
        row_number() over (
            partition by currency_code, rate_date
            order by is_divisor desc, is_correction desc, occurred_at desc, event_id asc
        ) as place
    from published
    where currency_code <> '{{ var("reporting_currency") }}'

)

select
    currency_code,
    rate_date,
    rate,
    is_divisor,
    rate_date as valid_from_date,
    coalesce(
        lead(rate_date) over (partition by currency_code order by rate_date asc),
        date '9999-12-31'
    ) as valid_until_date
from ranked
where place = 1
