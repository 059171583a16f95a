select * from {{ ref('customers_hive') }} where spent < 0
