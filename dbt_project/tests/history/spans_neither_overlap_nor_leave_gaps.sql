-- Spans of a customer, a SKU or a price follow each other; only a price with an end of its own may leave a gap.
{%- set histories = [
    ('customers_history', ['customer_id'], false),
    ('products_history', ['sku'], false),
    ('prices_history', ['sku', 'price_list_id', 'currency_code', 'price_type', 'store_id', 'minimum_quantity'], true),
] %}
{% for history, key, may_leave_gaps in histories %}
select
    cast('{{ history }}' as varchar) as history,
    valid_from
from (
    select
        valid_from,
        valid_to,
        is_newest,
        lead(valid_from) over (partition by {{ key | join(', ') }} order by valid_from) as next_from
    from {{ ref(history) }}
) as {{ history }}
where
    valid_to <= valid_from
    or is_newest <> (next_from is null)
    or {{ 'valid_to > next_from' if may_leave_gaps else 'coalesce(valid_to <> next_from, (valid_to is null) <> (next_from is null))' }}
{{ 'union all' if not loop.last }}
{% endfor %}
