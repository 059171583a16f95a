-- Which products brought most net revenue, in the reporting currency?
select
    sales.sku,
    products.name,
    products.department,
    cast(sum(sales.quantity) as bigint) as unit_count,
    count(distinct sales.sale_id) as sale_count,
    cast(sum(sales.reporting_net_amount) as decimal(38, 4)) as net_amount,
    max(sales.reporting_currency_code) as currency_code
from marts.fct_sales as sales
left join marts.dim_products as products on sales.sku = products.sku
group by sales.sku, products.name, products.department
order by net_amount desc nulls last, sales.sku
limit 20
