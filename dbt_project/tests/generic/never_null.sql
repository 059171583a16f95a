{#- None of these columns is ever null; for models without a key. -#}
{% test never_null(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where
    {{ null_among(columns) }}
{% endtest %}
