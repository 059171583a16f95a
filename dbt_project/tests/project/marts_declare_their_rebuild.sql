-- What a mart says it is rebuilt from (meta.rebuild) is what its SQL reads, and its partition and key are columns.
{%- set wrong = [] -%}
{%- if execute -%}
    {%- for mart in marts_in_graph() -%}
        {%- set rebuild = mart.config.meta.get('rebuild', {}) -%}
        {%- set told = (rebuild.get('sources', []) + (rebuild.get('from_day', {}).keys() | list)) | sort | list -%}
        {%- set needed = {'day': ['partition'], 'key': ['partition', 'key'], 'whole': []}.get(rebuild.by) -%}
        {%- if needed is none or told != read_sources(mart.unique_id) -%}
            {%- do wrong.append(mart.name) -%}
        {%- elif 'partition' in needed and rebuild.get('partition') not in mart.columns -%}
            {%- do wrong.append(mart.name) -%}
        {%- elif 'key' in needed and rebuild.get('key') not in mart.columns -%}
            {%- do wrong.append(mart.name) -%}
        {%- elif rebuild.by == 'key' and rebuild.get('anchor') not in rebuild.sources -%}
            {%- do wrong.append(mart.name) -%}
        {%- elif rebuild.by != 'whole' and "rebuilt_days('" ~ rebuild.partition ~ "')" not in mart.raw_code -%}
            {%- do wrong.append(mart.name) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endif %}
{{ complaints(wrong, 'meta.rebuild does not fit the SQL') }}
