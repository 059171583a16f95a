{#- Whole seconds that have gone by, not boundaries crossed; negative where the end comes first. -#}
{% macro seconds_between(start, end) -%}
    {{ adapter.dispatch('seconds_between')(start, end) }}
{%- endmacro %}

{% macro duckdb__seconds_between(start, end) -%}
    datesub('second', {{ start }}, {{ end }})
{%- endmacro %}

{% macro athena__seconds_between(start, end) -%}
    date_diff('second', {{ start }}, {{ end }})
{%- endmacro %}
