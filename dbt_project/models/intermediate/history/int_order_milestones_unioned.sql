{% set milestones = [
    ('ordered', 'stg_orders__order_placed', 'channel', 'total_amount'),
    ('authorized', 'stg_payments__payment_authorized', 'psp', 'amount'),
    ('captured', 'stg_payments__payment_captured', 'psp', 'amount'),
    ('payment_failed', 'stg_payments__payment_failed', 'failure_code', 'amount'),
    ('cancelled', 'stg_orders__order_cancelled', 'reason', 'cancelled_amount'),
    ('dispatched', 'stg_fulfilment__shipment_dispatched', 'carrier', none),
    ('delivered', 'stg_fulfilment__shipment_delivered', 'delivered_to', none),
    ('ready_for_pickup', 'stg_fulfilment__order_ready_for_pickup', 'location_id', none),
    ('picked_up', 'stg_fulfilment__order_picked_up', 'location_id', none),
    ('return_requested', 'stg_returns__return_requested', 'return_method', none),
    ('returned', 'stg_returns__return_received', 'location_id', 'refund_amount'),
    ('refunded', 'stg_payments__payment_refunded', 'reason', 'amount'),
] -%}
{% for milestone, model_name, detail, amount in milestones %}
select
    order_id,
    cast('{{ milestone }}' as varchar) as milestone,
    occurred_at as reached_at,
    occurred_date as reached_date,
    event_id,
    channel,
    {{ detail }} as detail,
    {{ amount or 'cast(null as decimal(18, 4))' }} as amount,
    {{ 'currency_code' if amount else 'cast(null as varchar)' }} as currency_code
from {{ ref(model_name) }}
where order_id is not null
{{ 'union all' if not loop.last }}
{% endfor %}
