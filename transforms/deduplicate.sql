-- Which copy of each event counts. Reads the tables `found` (this run's records), `known` (ids of earlier runs that may meet
-- them); makes `fates`.
--
-- Records with one event_id and one payload are copies: the least ingested_at stands for them, the rest are duplicates. Where
-- several payloads remain, the least (ingested_at, payload_hash) is curated and the others are conflicts. The outcome depends
-- on the set of records alone, not on their order or on how runs were cut.
create or replace temp table repeated as
select event_id from found group by event_id having count(*) > 1
union
select event_id from known semi join found using (event_id);

create or replace temp table copies as
select event_id, payload_hash, event_type, occurred_date, ingested_at, raw_object, raw_record, false as is_known
from found semi join repeated using (event_id)
union all
select event_id, payload_hash, event_type, occurred_date, ingested_at, raw_object, raw_record, true as is_known
from known semi join repeated using (event_id)
-- the index only grows; of one payload's rows the least is in force
qualify row_number() over (partition by event_id, payload_hash order by ingested_at, raw_object, raw_record) = 1;

create or replace temp table fates as
with
    payloads as (
        select
            *,
            row_number() over (
                partition by event_id, payload_hash order by ingested_at, raw_object, raw_record
            ) as copy_number
        from copies
    ),
    now as (
        select
            *,
            row_number() over (partition by event_id, copy_number order by ingested_at, payload_hash) as place_now,
            row_number() over (partition by event_id, is_known order by ingested_at, payload_hash) as place_before
        from payloads
    )
select
    * exclude (copy_number, place_now, place_before),
    case when copy_number > 1 then 'duplicate' when place_now > 1 then 'conflict' else 'curated' end as fate,
    case when not is_known then null when place_before > 1 then 'conflict' else 'curated' end as fate_before
from now;
