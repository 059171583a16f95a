{{ config(severity='warn') }}
-- A receipt's total is its lines and tax. Producers state it, so a breach is wrong data and only warns.
with line_sums as (
    select
        event_id,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from {{ ref('stg_stores__sale_completed__lines') }}
    group by event_id
)

select
    receipts.receipt_id,
    receipts.total_amount,
    line_sums.net_amount,
    line_sums.tax_amount
from {{ ref('stg_stores__sale_completed') }} as receipts
inner join line_sums on receipts.event_id = line_sums.event_id
where receipts.total_amount <> line_sums.net_amount + line_sums.tax_amount
