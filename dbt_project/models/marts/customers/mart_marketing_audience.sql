select
    consents.customer_id,
    consents.purpose,
    consents.legal_basis,
    consents.changed_at as permitted_since,
    consents.expires_at as permitted_until,
    customers.country_code,
    customers.preferred_language
from {{ ref('int_consents_settled') }} as consents
inner join {{ ref('int_customers_described') }} as customers on consents.customer_id = customers.customer_id
where
    consents.is_granted
    and customers.is_active
    and consents.purpose in (
        'email_marketing', 'sms_marketing', 'phone_marketing', 'postal_marketing', 'push_marketing', 'advertising'
    )
