with ranked as (

    select
        *,
        row_number() over (
            partition by customer_id, occurred_at order by is_registration asc, event_id desc
        ) as place
    from {{ ref('int_customer_states_unioned') }}

)

select
    customer_id,
    occurred_at as valid_from,
    lead(occurred_at) over (partition by customer_id order by occurred_at) as valid_to,
    lead(occurred_at) over (partition by customer_id order by occurred_at) is null as is_newest,
    event_id,
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
