{#- Every curated table there is, those of events added later too; none while dbt only parses. A model that reads them by this declares one that changes with each. -#}
{% macro event_sources() -%}
    {{ return(graph.sources.values() | selectattr('source_name', 'equalto', 'curated') | sort(attribute='name') | list if execute else []) }}
{%- endmacro %}
