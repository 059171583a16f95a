select
    person_id,
    login_count,
    purchase_count,
    channel_count,
    first_purchased_at,
    last_purchased_at,
    days_since_purchase,
    is_churned,
    reporting_net_amount,
    reporting_returned_amount,
    reporting_value_amount,
    recency_score,
    frequency_score,
    monetary_score
from {{ ref('int_persons_valued') }}
