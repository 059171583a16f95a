{% macro days_added(day, count) -%}
    {{ adapter.dispatch('days_added')(day, count) }}
{%- endmacro %}

{% macro duckdb__days_added(day, count) -%}
    cast({{ day }} + cast({{ count }} as integer) as date)
{%- endmacro %}

{% macro athena__days_added(day, count) -%}
    date_add('day', {{ count }}, {{ day }})
{%- endmacro %}
