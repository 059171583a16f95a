{#- The rule of record for amounts in the reporting currency; needs the columns that int_fx_rates_settled gives. -#}
{% macro in_reporting_currency(amount, currency, rates) -%}
    case
        when {{ currency }} = '{{ var("reporting_currency") }}' then {{ amount }}
        when {{ rates }}.is_divisor then {{ amount_divided(amount, rates ~ '.rate') }}
        else try_cast(cast({{ amount }} as decimal(38, 4)) * {{ rates }}.rate as decimal(18, 4))
    end
{%- endmacro %}
