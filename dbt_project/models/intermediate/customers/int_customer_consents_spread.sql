{% set purposes = ['email_marketing', 'sms_marketing', 'phone_marketing', 'postal_marketing', 'push_marketing', 'personalization', 'analytics', 'profiling'] -%}
select
    customer_id,
    {% for purpose in purposes -%}
    max(case when purpose = '{{ purpose }}' and is_granted then 1 else 0 end) = 1 as has_{{ purpose }}_consent,
    {% endfor -%}
    count(case when is_granted then 1 end) as granted_purpose_count,
    max(changed_at) as last_consent_changed_at
from {{ ref('int_consents_settled') }}
group by customer_id
