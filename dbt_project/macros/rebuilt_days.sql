{#- Ends a mart's SQL. A partial build passes var rebuild, days by model name, and gets the rows of those days only. -#}
{% macro rebuilt_days(date_column, model_name=none) -%}
    {%- set days = var('rebuild', {}).get(model_name or model.name) -%}
    {%- if days is none -%}
        where true
    {%- elif days -%}
        where {{ date_column }} in ({% for day in days %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- else -%}
        where false
    {%- endif -%}
{%- endmacro %}
