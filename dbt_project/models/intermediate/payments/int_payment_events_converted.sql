select
    events.*,
    cast('{{ var("reporting_currency") }}' as varchar) as reporting_currency_code,
    rates.rate_date as reporting_rate_date,
    {{ in_reporting_currency('events.amount', 'events.currency_code', 'rates') }} as reporting_amount
from {{ ref('int_payment_events_unioned') }} as events
{{ joined_rate('rates', 'events.currency_code', 'events.happened_date') }}
