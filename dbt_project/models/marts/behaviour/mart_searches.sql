with searches as (

    select
        occurred_date as searched_date,
        coalesce(channel, 'unknown') as channel,
        lower(trim(query)) as search_text,
        session_id,
        result_count
    from {{ ref('stg_web__product_searched') }}
    where not coalesce(is_bot, false)

),

counted as (

    select
        searched_date,
        channel,
        search_text,
        count(*) as search_count,
        count(distinct session_id) as session_count,
        count(case when result_count = 0 then 1 end) as fruitless_count
    from searches
    group by searched_date, channel, search_text

)

select
    searched_date,
    channel,
    search_text,
    search_count,
    session_count,
    fruitless_count
from counted
{{ rebuilt_days('searched_date') }}
