{% snapshot customers_kept %}
{{ config(unique_key='customer', strategy='check', check_cols=['orders'], table_type='iceberg') }}
select customer, orders * {{ var('factor', 1) }} as orders from {{ ref('customers_hive') }}
{% endsnapshot %}
