{% macro exploded(relation, list_column, carried) -%}
    {{ adapter.dispatch('exploded')(relation, list_column, carried) }}
{%- endmacro %}

{#- Two unnests side by side run in step. -#}
{% macro duckdb__exploded(relation, list_column, carried) -%}
    (
    select
        {{ carried | join(', ') }},
        unnest({{ list_column }}) as element,
        cast(generate_subscripts({{ list_column }}, 1) as bigint) as element_number
    from {{ relation }}
) as exploded
{%- endmacro %}

{#- Unnesting rows spreads their fields by position; wrapped once more, an element stays one column and is read by name. -#}
{% macro athena__exploded(relation, list_column, carried) -%}
    (
    select
        {{ carried | join(', ') }},
        element,
        element_number
    from {{ relation }}
    cross join unnest(transform({{ list_column }}, item -> row(item))) with ordinality as elements (element, element_number)
) as exploded
{%- endmacro %}
