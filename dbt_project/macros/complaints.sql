{#- Rows for a test that looks at the project instead of the data; no names, no rows. -#}
{% macro complaints(names, complaint) -%}
    {%- for name in names %}
    select cast('{{ name }}' as varchar) as name, cast('{{ complaint }}' as varchar) as complaint
    {{ 'union all' if not loop.last }}
    {%- else %}
    select cast(null as varchar) as name, cast(null as varchar) as complaint where false
    {%- endfor %}
{%- endmacro %}
