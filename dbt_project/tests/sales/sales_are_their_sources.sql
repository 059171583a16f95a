-- Nothing sold is lost or doubled on the way: fct_sales holds the lines of the events of its days, to the last cent.
with sold as (
    select sold_date, sale_kind, count(*) as line_count, sum(net_amount) as net_amount
    from {{ ref('fct_sales') }}
    group by sold_date, sale_kind
),

stated as (
    select occurred_date, 'order' as sale_kind, count(*) as line_count, sum(net_amount) as net_amount
    from {{ ref('stg_orders__order_placed__lines') }}
    group by occurred_date
    union all
    select occurred_date, 'receipt' as sale_kind, count(*) as line_count, sum(net_amount) as net_amount
    from {{ ref('stg_stores__sale_completed__lines') }}
    group by occurred_date
)

select
    stated.occurred_date,
    stated.sale_kind,
    stated.line_count as stated_count,
    sold.line_count as sold_count
from stated
left join sold on stated.occurred_date = sold.sold_date and stated.sale_kind = sold.sale_kind
{{ rebuilt_days('stated.occurred_date', 'fct_sales') }}
    and (
        sold.sold_date is null
        or sold.line_count <> stated.line_count
        or sold.net_amount <> stated.net_amount
    )
