{#- Exact decimals on both engines: rounded half away from zero to ten digits, as Trino divides, then to four. -#}
{% macro amount_divided(amount, divisor) -%}
    {{ adapter.dispatch('amount_divided')(amount, divisor) }}
{%- endmacro %}

{#- DuckDB divides decimals as doubles, so this divides whole numbers: 10^4 times the amount by 10^10 times the divisor. -#}
{% macro duckdb__amount_divided(amount, divisor) -%}
    {%- set units = 'cast(cast(' ~ amount ~ ' as decimal(38, 4)) * 10000 as hugeint)' -%}
    {%- set parts = 'cast(cast(' ~ divisor ~ ' as decimal(38, 10)) * 10000000000 as hugeint)' -%}
    try_cast(
        cast(
            sign({{ units }}) * ((2 * abs({{ units }}) * 10000000000000000 + {{ parts }}) // (2 * {{ parts }})) as decimal(38, 0)
        ) * 0.0000000001 as decimal(18, 4)
    )
{%- endmacro %}

{% macro athena__amount_divided(amount, divisor) -%}
    try_cast({{ amount }} / {{ divisor }} as decimal(18, 4))
{%- endmacro %}
