select
    customer_id, occurred_at, event_id, true as is_registration, cast(true as boolean) as is_active,
    country_code, preferred_language, loyalty_tier, loyalty_card_id, household_id, household_size, children_count,
    age_band, income_band, home_store_id, customer_type, registered_via, acquisition_campaign
from {{ ref('stg_customers__customer_registered') }}

union all

select
    customer_id, occurred_at, event_id, false as is_registration, coalesce(is_active, true) as is_active,
    country_code, preferred_language, loyalty_tier, loyalty_card_id, household_id, household_size, children_count,
    age_band, income_band, home_store_id, customer_type, cast(null as varchar) as registered_via,
    cast(null as varchar) as acquisition_campaign
from {{ ref('stg_customers__customer_updated') }}
