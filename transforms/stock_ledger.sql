-- Movements in the order of the ledger, with what counts make of them. Reads the tables `stock_movements` (MOVEMENT, a `line` that
-- names each row and a `key` that names its SKU and location) and `stock_openings` (OPENING), `$count_days` and `$most_units`.
--
-- Rows before a key's from_date are not given back; they only tell which counts are open.
with
    movements as (
        select
            m.line,
            m.key,
            m.event_id,
            m.moved_at,
            m.moved_date,
            m.kind,
            m.is_count_booking,
            m.count_id,
            m.bin_code,
            m.lot_number,
            m.stated_quantity,
            m.count_started_date,
            coalesce(m.moved_date < o.from_date, false) as is_before,
            coalesce(o.balance_quantity, 0) as opening_quantity,
            coalesce(o.is_counted, false) as is_opening_counted,
            case
                when m.stock_status <> 'available' then 'other_status'
                when m.stated_quantity not between -$most_units and $most_units then 'implausible'
                else 'moved'
            end as effect
        from stock_movements as m left join stock_openings as o using (sku, location_id)
    ),
    figures as (
        select * from movements where kind = 'counted' and effect = 'moved'
    ),
    -- a count begins with its first figure; the first figure more than $count_days days later begins another
    counts as (
        select
            key,
            count_id,
            array_agg(case when not is_before then moved_date end) as new_days,
            max(case when is_before then count_started_date end) as open_day,
            list_sort(list_distinct(list_append(new_days, open_day))) as days,
            unnest(
                list_reduce(
                    days,
                    lambda begun, day: case when day > begun[-1] + $count_days then list_append(begun, day) else begun end,
                    days[:1]
                )
            ) as started_date
        from figures
        group by key, count_id
    ),
    figured as (
        select
            f.line,
            c.started_date,
            row_number() over (
                partition by f.key, f.count_id, c.started_date, f.bin_code, f.lot_number
                order by f.moved_at desc, f.event_id desc
            ) = 1 as is_in_force,
            row_number() over (
                partition by f.key, f.count_id, c.started_date order by f.moved_at desc, f.event_id desc
            ) = 1 as settles,
            f.key,
            f.count_id,
            f.stated_quantity
        from figures as f
        asof join counts as c on f.key = c.key and f.count_id = c.count_id and f.moved_date >= c.started_date
    ),
    settled as (
        select
            line,
            started_date,
            case when settles then 'settled' when is_in_force then 'added_to_count' else 'recounted' end as effect,
            cast(
                sum(stated_quantity) filter (is_in_force) over (partition by key, count_id, started_date) as bigint
            ) as counted_quantity
        from figured
    )
select
    m.line,
    m.key,
    m.opening_quantity,
    m.is_opening_counted,
    s.started_date as count_started_date,
    coalesce(s.effect, m.effect) as effect,
    coalesce(s.effect = 'settled', false) as settles,
    m.effect = 'moved' and m.is_count_booking as books_count,
    coalesce(s.counted_quantity, 0) as counted_quantity,
    case when m.effect = 'moved' and m.kind <> 'counted' then m.stated_quantity else 0 end as quantity
from movements as m left join settled as s using (line)
where not m.is_before
-- in one instant: movements, counts by count_id, bookings of counts
order by m.key, m.moved_at, m.is_count_booking, m.count_id nulls first, m.event_id
