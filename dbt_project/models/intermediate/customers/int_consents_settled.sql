with ranked as (

    select
        *,
        row_number() over (partition by customer_id, purpose order by occurred_at desc, event_id desc) as place,
        max(occurred_at) over () as known_at
    from {{ ref('stg_customers__consent_changed') }}

)

select
    customer_id,
    purpose,
    is_granted and (expires_at is null or expires_at > known_at) as is_granted,
    legal_basis,
    occurred_at as changed_at,
    expires_at
from ranked
where place = 1
