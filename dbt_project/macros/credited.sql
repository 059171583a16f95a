{#- What a touch gets when an amount is dealt out by whole-number weights: its part of the sum so far less the part before it, so that nothing is lost to rounding. -#}
{% macro credited(amount, weight_so_far, weight_before, weight_in_all) -%}
    cast(
        {{ amount_divided(weighed(amount, weight_so_far), 'cast(' ~ weight_in_all ~ ' as decimal(18, 10))') }}
        - {{ amount_divided(weighed(amount, weight_before), 'cast(' ~ weight_in_all ~ ' as decimal(18, 10))') }} as decimal(18, 4)
    )
{%- endmacro %}

{% macro weighed(amount, weight) -%}
    cast({{ amount }} as decimal(18, 4)) * cast({{ weight }} as decimal(9, 0))
{%- endmacro %}
