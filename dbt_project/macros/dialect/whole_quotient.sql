{#- DuckDB divides whole numbers into a double, Trino into a whole number. -#}
{% macro whole_quotient(dividend, divisor) -%}
    {{ adapter.dispatch('whole_quotient')(dividend, divisor) }}
{%- endmacro %}

{% macro duckdb__whole_quotient(dividend, divisor) -%}
    ({{ dividend }}) // {{ divisor }}
{%- endmacro %}

{% macro athena__whole_quotient(dividend, divisor) -%}
    ({{ dividend }}) / {{ divisor }}
{%- endmacro %}
