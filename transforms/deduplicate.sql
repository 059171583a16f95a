-- Which copy of each event counts. Reads the tables `found` (this run's records), `withdrawn` (records of earlier runs that it
-- takes back, to judge them anew) and `known` (all other records of earlier runs that may meet either); makes `fates`.
--
-- Records with one event_id and one payload are copies: the least ingested_at stands for them, the rest are duplicates. Where
-- several payloads remain, the least (ingested_at, payload_hash) is curated and the others are conflicts. The outcome depends
-- on the set of records alone, not on their order or on how runs were cut.
create or replace temp table repeated as
select event_id from found group by event_id having count(*) > 1
union
select event_id from known;

create or replace temp table copies as
select event_id, payload_hash, event_type, occurred_date, ingested_at, raw_object, raw_record, false as is_known, true as is_there
from found semi join repeated using (event_id)
union all
select event_id, payload_hash, event_type, occurred_date, ingested_at, raw_object, raw_record, true as is_known, true as is_there
from known
union all
select event_id, payload_hash, event_type, occurred_date, ingested_at, raw_object, raw_record, true as is_known, false as is_there
from withdrawn semi join repeated using (event_id);

create or replace temp table fates as
with
    payloads as (
        select
            *,
            row_number() over (
                partition by event_id, payload_hash, is_there order by ingested_at, raw_object, raw_record
            ) as copy_now,
            row_number() over (
                partition by event_id, payload_hash, is_known order by ingested_at, raw_object, raw_record
            ) as copy_before
        from copies
    ),
    places as (
        select
            *,
            row_number() over (partition by event_id, is_there, copy_now order by ingested_at, payload_hash) as place_now,
            row_number() over (partition by event_id, is_known, copy_before order by ingested_at, payload_hash) as place_before
        from payloads
    )
select
    * exclude (copy_now, copy_before, place_now, place_before, is_there),
    case when copy_now > 1 then 'duplicate' when place_now > 1 then 'conflict' else 'curated' end as fate,
    case
        when not is_known then null
        when copy_before > 1 then 'duplicate'
        when place_before > 1 then 'conflict'
        else 'curated'
    end as fate_before
from places
where is_there;
