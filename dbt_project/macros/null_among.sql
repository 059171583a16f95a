{% macro null_among(columns) -%}
    {{ columns | join(' is null\n    or ') }} is null
{%- endmacro %}
