{% set kinds = [
    ('authorized', 'stg_payments__payment_authorized', none, none, none),
    ('captured', 'stg_payments__payment_captured', none, none, none),
    ('failed', 'stg_payments__payment_failed', 'failure_code', none, none),
    ('refunded', 'stg_payments__payment_refunded', 'reason', 'refund_id', 'return_id'),
] -%}
{% for kind, model_name, reason, refund_id, return_id in kinds %}
select
    event_id as payment_event_key,
    payment_id,
    order_id,
    customer_id,
    cast('{{ kind }}' as varchar) as kind,
    occurred_at as happened_at,
    occurred_date as happened_date,
    payment_method,
    psp,
    psp_reference,
    {{ reason or 'cast(null as varchar)' }} as reason,
    {{ refund_id or 'cast(null as varchar)' }} as refund_id,
    {{ return_id or 'cast(null as varchar)' }} as return_id,
    amount,
    currency_code
from {{ ref(model_name) }}
{{ 'union all' if not loop.last }}
{% endfor %}
