{% macro marts_in_graph() -%}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('schema', 'equalto', 'marts') | list) }}
{%- endmacro %}
