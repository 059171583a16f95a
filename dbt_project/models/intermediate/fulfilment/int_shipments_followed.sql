with ranked as (

    select
        *,
        row_number() over (partition by shipment_id order by occurred_at asc, event_id asc) as place
    from {{ ref('stg_fulfilment__shipment_dispatched') }}

),

units as (

    select
        event_id,
        count(*) as line_count,
        {{ summed_units('quantity') }} as unit_count
    from {{ ref('stg_fulfilment__shipment_dispatched__lines') }}
    group by event_id

),

deliveries as (

    select
        shipment_id,
        min(occurred_at) as delivered_at,
        max(attempt_count) as attempt_count,
        max(case when is_damage_reported then 1 else 0 end) = 1 as is_damage_reported
    from {{ ref('stg_fulfilment__shipment_delivered') }}
    group by shipment_id

)

select
    ranked.shipment_id,
    ranked.order_id,
    ranked.occurred_at as dispatched_at,
    ranked.occurred_date as dispatched_date,
    ranked.carrier,
    ranked.service_level,
    ranked.dispatched_from,
    ranked.destination_country_code,
    ranked.destination_store_id,
    ranked.expected_delivery_date,
    units.line_count,
    units.unit_count,
    ranked.freight_cost_amount,
    ranked.currency_code,
    deliveries.delivered_at,
    deliveries.attempt_count,
    deliveries.is_damage_reported,
    {{ hours_between('ranked.occurred_at', 'deliveries.delivered_at') }} as transit_hours,
    cast(deliveries.delivered_at as date) <= ranked.expected_delivery_date as is_on_time
from ranked
inner join units on ranked.event_id = units.event_id
left join deliveries on ranked.shipment_id = deliveries.shipment_id
where ranked.place = 1
