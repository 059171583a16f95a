with counts as (

    select
        *,
        row_number() over (
            partition by sku, location_id, count_id, coalesce(bin_code, ''), coalesce(lot_number, '')
            order by occurred_at desc, event_id desc
        ) as figure_place,
        max(occurred_at) over (partition by sku, location_id, count_id) as count_ended_at
    from {{ ref('stg_stock__stock_counted') }}
    where coalesce(stock_status, 'available') = 'available'

),

ranked as (

    select
        *,
        dense_rank() over (partition by sku, location_id order by count_ended_at desc, count_id desc) as count_place
    from counts

)

select
    sku,
    location_id,
    count_id,
    count_ended_at as counted_at,
    {{ summed_units('counted_quantity') }} as counted_quantity
from ranked
where
    figure_place = 1
    and count_place = 1
group by sku, location_id, count_id, count_ended_at
