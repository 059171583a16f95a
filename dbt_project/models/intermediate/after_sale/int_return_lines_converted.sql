with return_lines as (

    select
        lines.event_id || '-' || cast(lines.element_number as varchar) as return_line_key,
        lines.return_id,
        lines.line_number,
        lines.occurred_at as returned_at,
        lines.occurred_date as returned_date,
        goods_back.order_id,
        goods_back.receipt_id,
        goods_back.customer_id,
        goods_back.location_id,
        goods_back.return_method,
        lines.sku,
        lines.product_id,
        lines.quantity,
        lines.reason,
        lines.condition,
        lines.disposition,
        lines.is_restocked,
        goods_back.currency_code,
        lines.refund_amount
    from {{ ref('stg_returns__return_received__lines') }} as lines
    inner join {{ ref('stg_returns__return_received') }} as goods_back
        on lines.event_id = goods_back.event_id
        and lines.occurred_date = goods_back.occurred_date

)

select
    return_lines.*,
    cast('{{ var("reporting_currency") }}' as varchar) as reporting_currency_code,
    rates.rate_date as reporting_rate_date,
    {{ in_reporting_currency('return_lines.refund_amount', 'return_lines.currency_code', 'rates') }}
        as reporting_refund_amount
from return_lines
{{ joined_rate('rates', 'return_lines.currency_code', 'return_lines.returned_date') }}
