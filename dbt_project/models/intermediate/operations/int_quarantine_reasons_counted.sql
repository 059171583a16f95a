with rejected as (

    select
        ingest_date,
        stage,
        error_type,
        coalesce(event_type, 'unknown') as event_type,
        raw_object
    from {{ ref('stg_platform__quarantine') }}

)

select
    ingest_date,
    stage,
    error_type,
    event_type,
    count(*) as record_count,
    count(distinct raw_object) as object_count
from rejected
group by ingest_date, stage, error_type, event_type
