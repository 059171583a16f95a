with ranked as (

    select
        *,
        row_number() over (partition by order_id order by occurred_at asc, event_id asc) as place
    from {{ ref('stg_orders__order_placed') }}

),

line_sums as (

    select
        event_id,
        count(*) as line_count,
        {{ summed_units('quantity') }} as ordered_units
    from {{ ref('stg_orders__order_placed__lines') }}
    group by event_id

)

select
    ranked.order_id,
    ranked.event_id,
    ranked.occurred_at as ordered_at,
    ranked.occurred_date as ordered_date,
    coalesce(
        ranked.channel, case when ranked.marketplace_name is not null then 'marketplace' end, 'unknown'
    ) as channel,
    ranked.customer_id,
    ranked.store_id,
    ranked.delivery_method,
    ranked.promised_delivery_date,
    ranked.currency_code,
    ranked.subtotal_amount,
    ranked.shipping_amount,
    ranked.tax_amount,
    ranked.total_amount,
    line_sums.line_count,
    line_sums.ordered_units
from ranked
inner join line_sums on ranked.event_id = line_sums.event_id
where ranked.place = 1
