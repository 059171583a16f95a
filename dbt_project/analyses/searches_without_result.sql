-- What do visitors look for and not find?
with summed as (

    select
        search_text,
        sum(search_count) as searches,
        sum(fruitless_count) as fruitless
    from marts.mart_searches
    group by search_text

)

select
    search_text,
    cast(searches as bigint) as search_count,
    cast(fruitless as bigint) as fruitless_count
from summed
where fruitless > 0
order by fruitless_count desc, search_text
limit 20
