select
    shipment_id,
    order_id,
    dispatched_at,
    dispatched_date,
    carrier,
    service_level,
    dispatched_from,
    destination_country_code,
    destination_store_id,
    expected_delivery_date,
    line_count,
    unit_count,
    freight_cost_amount,
    currency_code,
    delivered_at,
    attempt_count,
    is_damage_reported,
    transit_hours,
    is_on_time
from {{ ref('int_shipments_followed') }}
{{ rebuilt_days('dispatched_date') }}
