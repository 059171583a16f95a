{#- The rate of record is the latest one of a date no later than the day the amount belongs to. -#}
{% macro joined_rate(rates, currency, date) -%}
    left join {{ ref('int_fx_rates_settled') }} as {{ rates }}
        on {{ currency }} = {{ rates }}.currency_code
        and {{ date }} >= {{ rates }}.valid_from_date
        and {{ date }} < {{ rates }}.valid_until_date
{%- endmacro %}
