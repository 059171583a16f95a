{% macro hours_between(start, end) -%}
    cast({{ seconds_between(start, end) }} as double) / 3600
{%- endmacro %}
