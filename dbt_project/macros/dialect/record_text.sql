{#- Text at a JSON path of a record's bytes; null where they hold no such text or are no JSON at all. -#}
{% macro record_text(record, path) -%}
    {{ adapter.dispatch('record_text')(record, path) }}
{%- endmacro %}

{% macro duckdb__record_text(record, path) -%}
    try(json_extract_string(decode({{ record }}), '{{ path }}'))
{%- endmacro %}

{% macro athena__record_text(record, path) -%}
    try(json_extract_scalar(from_utf8({{ record }}), '{{ path }}'))
{%- endmacro %}
