select
    ingest_date,
    stage,
    error_type,
    coalesce(event_type, 'unknown') as event_type,
    count(*) as record_count,
    count(distinct raw_object) as object_count
from {{ ref('stg_platform__quarantine') }}
group by ingest_date, stage, error_type, coalesce(event_type, 'unknown')
