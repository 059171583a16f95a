with persons as (

    select
        identifier_value as customer_id,
        person_id
    from {{ ref('stg_derived__customer_identities') }}
    where identifier_kind = 'login'

),

purchases as (

    select
        customer_id,
        sale_kind || ' ' || sale_id as purchase_key,
        channel,
        min(sold_at) as purchased_at,
        try_cast(sum(reporting_net_amount) as decimal(18, 4)) as reporting_net_amount
    from {{ ref('int_sale_lines_converted') }}
    where customer_id is not null
    group by customer_id, sale_kind || ' ' || sale_id, channel

)

select
    coalesce(persons.person_id, purchases.customer_id) as person_id,
    purchases.customer_id,
    purchases.purchase_key,
    purchases.channel,
    purchases.purchased_at,
    cast(purchases.purchased_at as date) as purchased_date,
    coalesce(purchases.reporting_net_amount, cast(0 as decimal(18, 4))) as reporting_net_amount
from purchases
left join persons on purchases.customer_id = persons.customer_id
