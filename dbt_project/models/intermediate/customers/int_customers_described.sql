with ranked as (

    select
        *,
        row_number() over (
            partition by customer_id order by occurred_at desc, is_registration asc, event_id desc
        ) as place,
        min(case when is_registration then occurred_at end) over (partition by customer_id) as registered_at,
        max(registered_via) over (partition by customer_id) as first_registered_via,
        max(acquisition_campaign) over (partition by customer_id) as first_acquisition_campaign,
        count(*) over (partition by customer_id) as state_count
    from {{ ref('int_customer_states_unioned') }}

)

select
    customer_id,
    registered_at,
    first_registered_via as registered_via,
    first_acquisition_campaign as acquisition_campaign,
    occurred_at as last_described_at,
    state_count,
    is_active,
    coalesce(customer_type, 'consumer') as customer_type,
    country_code,
    preferred_language,
    loyalty_tier,
    loyalty_card_id is not null as is_loyalty_member,
    household_id,
    household_size,
    children_count,
    age_band,
    income_band,
    home_store_id
from ranked
where place = 1
