-- What share of the units sold came back, by department?
select
    products.department,
    cast(sum(days.sold_units) as bigint) as sold_units,
    cast(sum(days.returned_units) as bigint) as returned_units,
    round(100 * cast(sum(days.returned_units) as double) / nullif(sum(days.sold_units), 0), 2) as return_percent
from marts.mart_product_days as days
left join marts.dim_products as products on days.sku = products.sku
group by products.department
order by returned_units desc, products.department
