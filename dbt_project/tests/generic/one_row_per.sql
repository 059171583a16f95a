{#- No two rows agree in these columns (nulls count as equal), and the filled columns are never null. -#}
{% test one_row_per(model, columns, filled=[]) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% if filled %}
union all

select
    {{ columns | join(', ') }},
    cast(1 as bigint) as row_count
from {{ model }}
where
    {{ null_among(filled) }}
{% endif %}
{% endtest %}
