with facts as (

    select
        sku,
        location_id,
        moved_at as known_at,
        kind,
        quantity_change,
        is_count_booking
    from {{ ref('int_stock_movements_unioned') }}

    union all

    select
        sku,
        location_id,
        counted_at as known_at,
        cast('counted' as varchar) as kind,
        counted_quantity as quantity_change,
        false as is_count_booking
    from {{ ref('int_stock_counts_settled') }}

),

placed as (

    select
        *,
        max(case when kind = 'counted' then known_at end) over (partition by sku, location_id) as counted_at
    from facts

),

summed as (

    select
        sku,
        location_id,
        counted_at,
        max(case when kind = 'counted' then quantity_change end) as counted_quantity,
        sum(cast(case when kind = 'received' then quantity_change else 0 end as decimal(38, 0))) as received_quantity,
        sum(cast(case when kind = 'adjusted' then quantity_change else 0 end as decimal(38, 0))) as adjusted_quantity,
        sum(
            cast(
                case
                    when kind = 'counted' then 0
                    when counted_at is null then quantity_change
                    when known_at > counted_at and not is_count_booking then quantity_change
                    else 0
                end as decimal(38, 0)
            )
        ) as moved_since_count_quantity,
        max(known_at) as last_moved_at
    from placed
    group by sku, location_id, counted_at

)

select
    sku,
    location_id,
    try_cast(received_quantity as bigint) as received_quantity,
    try_cast(adjusted_quantity as bigint) as adjusted_quantity,
    counted_at,
    counted_quantity,
    try_cast(moved_since_count_quantity as bigint) as moved_since_count_quantity,
    try_cast(
        coalesce(counted_quantity, 0) + moved_since_count_quantity - received_quantity - adjusted_quantity as bigint
    ) as correction_quantity,
    try_cast(coalesce(counted_quantity, 0) + moved_since_count_quantity as bigint) as position_quantity,
    last_moved_at
from summed
