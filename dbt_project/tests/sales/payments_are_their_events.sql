-- Every authorization, capture, failure and refund is there once, with its amount.
with events as (
    select event_id as payment_event_key, amount, occurred_date as happened_date from {{ ref('stg_payments__payment_authorized') }}
    union all
    select event_id, amount, occurred_date from {{ ref('stg_payments__payment_captured') }}
    union all
    select event_id, amount, occurred_date from {{ ref('stg_payments__payment_failed') }}
    union all
    select event_id, amount, occurred_date from {{ ref('stg_payments__payment_refunded') }}
),

wanted as (
    select
        payment_event_key,
        amount
    from events
    {{ rebuilt_days('happened_date', 'fct_payments') }}
)

select
    coalesce(wanted.payment_event_key, payments.payment_event_key) as payment_event_key,
    wanted.amount,
    payments.amount as found_amount
from wanted
full outer join {{ ref('fct_payments') }} as payments on wanted.payment_event_key = payments.payment_event_key
where
    wanted.payment_event_key is null
    or payments.payment_event_key is null
    or wanted.amount <> payments.amount
