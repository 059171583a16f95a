{% macro days_from_to(first, last) -%}
    {{ adapter.dispatch('days_from_to')(first, last) }}
{%- endmacro %}

{% macro duckdb__days_from_to(first, last) -%}
    (
    select cast(unnest(generate_series(date '{{ first }}', date '{{ last }}', interval 1 day)) as date) as date_day
) as spine
{%- endmacro %}

{% macro athena__days_from_to(first, last) -%}
    unnest(sequence(date '{{ first }}', date '{{ last }}', interval '1' day)) as spine (date_day)
{%- endmacro %}
