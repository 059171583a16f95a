-- Marts read staging and intermediate models only: a partial build holds only some days of the other marts.
{%- set wrong = [] -%}
{%- if execute -%}
    {%- for mart in marts_in_graph() -%}
        {%- for parent in mart.depends_on.nodes if parent in graph.sources or graph.nodes[parent].schema not in ['staging', 'intermediate'] -%}
            {%- do wrong.append(mart.name) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endif %}
{{ complaints(wrong, 'reads something other than staging and intermediate models') }}
