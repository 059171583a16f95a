with consented as (

    select
        customers.*,
        coalesce(consents.has_email_marketing_consent, false) as has_email_marketing_consent,
        coalesce(consents.has_sms_marketing_consent, false) as has_sms_marketing_consent,
        coalesce(consents.has_phone_marketing_consent, false) as has_phone_marketing_consent,
        coalesce(consents.has_postal_marketing_consent, false) as has_postal_marketing_consent,
        coalesce(consents.has_push_marketing_consent, false) as has_push_marketing_consent,
        coalesce(consents.has_personalization_consent, false) as has_personalization_consent,
        coalesce(consents.has_analytics_consent, false) as has_analytics_consent,
        coalesce(consents.has_profiling_consent, false) as has_profiling_consent,
        coalesce(consents.granted_purpose_count, 0) as granted_purpose_count,
        consents.last_consent_changed_at
    from {{ ref('int_customers_described') }} as customers
    left join {{ ref('int_customer_consents_spread') }} as consents on customers.customer_id = consents.customer_id

)

select
    customer_id,
    registered_at,
    registered_via,
    acquisition_campaign,
    last_described_at,
    state_count,
    is_active,
    customer_type,
    country_code,
    preferred_language,
    loyalty_tier,
    is_loyalty_member,
    household_id,
    household_size,
    children_count,
    age_band,
    income_band,
    home_store_id,
    has_email_marketing_consent,
    has_sms_marketing_consent,
    has_phone_marketing_consent,
    has_postal_marketing_consent,
    has_push_marketing_consent,
    has_personalization_consent,
    has_analytics_consent,
    has_profiling_consent,
    granted_purpose_count,
    last_consent_changed_at
from consented
