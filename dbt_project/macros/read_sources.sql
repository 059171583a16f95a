{#- Names of the sources a node reads, through any number of models: the event type, the derived table, or platform.<table>. -#}
{% macro read_sources(unique_id) -%}
    {%- set found = [] -%}
    {%- if unique_id in graph.sources -%}
        {%- set table = graph.sources[unique_id] -%}
        {%- do found.append(table.name if table.source_name in ['curated', 'derived'] else table.source_name ~ '.' ~ table.name) -%}
    {%- else -%}
        {%- for parent in graph.nodes[unique_id].depends_on.nodes -%}
            {%- do found.extend(read_sources(parent)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found | unique | sort | list) }}
{%- endmacro %}
