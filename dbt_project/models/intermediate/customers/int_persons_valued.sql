with known as (

    select max(purchased_date) as known_date
    from {{ ref('int_purchases_resolved') }}

),

bought as (

    select
        person_id,
        count(distinct customer_id) as login_count,
        count(distinct purchase_key) as purchase_count,
        count(distinct channel) as channel_count,
        min(purchased_at) as first_purchased_at,
        max(purchased_at) as last_purchased_at,
        cast(sum(reporting_net_amount) as decimal(38, 4)) as reporting_net_amount
    from {{ ref('int_purchases_resolved') }}
    group by person_id

),

returned as (

    select
        coalesce(persons.person_id, return_lines.customer_id) as person_id,
        cast(sum(return_lines.reporting_refund_amount) as decimal(38, 4)) as reporting_returned_amount
    from {{ ref('int_return_lines_converted') }} as return_lines
    left join {{ ref('stg_derived__customer_identities') }} as persons
        on return_lines.customer_id = persons.identifier_value
        and persons.identifier_kind = 'login'
    where return_lines.customer_id is not null
    group by coalesce(persons.person_id, return_lines.customer_id)

),

joined as (

    select
        bought.*,
        coalesce(returned.reporting_returned_amount, cast(0 as decimal(38, 4))) as reporting_returned_amount,
        date_diff('day', cast(bought.last_purchased_at as date), known.known_date) as days_since_purchase
    from bought
    cross join known
    left join returned on bought.person_id = returned.person_id

)

select
    person_id,
    login_count,
    purchase_count,
    channel_count,
    first_purchased_at,
    last_purchased_at,
    days_since_purchase,
    days_since_purchase > {{ var('churn_days') }} as is_churned,
    reporting_net_amount,
    reporting_returned_amount,
    cast(reporting_net_amount - reporting_returned_amount as decimal(38, 4)) as reporting_value_amount,
    ntile(5) over (order by days_since_purchase desc, person_id asc) as recency_score,
    ntile(5) over (order by purchase_count asc, person_id asc) as frequency_score,
    ntile(5) over (order by reporting_net_amount asc, person_id asc) as monetary_score
from joined
