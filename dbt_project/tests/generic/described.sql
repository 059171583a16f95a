{#- The columns a model has are the columns its properties file describes. -#}
{% test described(model) %}
{%- if execute -%}
    {%- set node = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        | selectattr('name', 'equalto', model.identifier) | first -%}
    {%- set found = adapter.get_columns_in_relation(model) | map(attribute='name') | list -%}
    {%- set told = [] -%}
    {%- for column in node.columns.values() if column.description -%}
        {%- do told.append(column.name) -%}
    {%- endfor -%}
    {{ complaints((found | reject('in', told) | list), 'has no description') }}
    union all
    {{ complaints((told | reject('in', found) | list), 'is described but not there') }}
{%- endif -%}
{% endtest %}
