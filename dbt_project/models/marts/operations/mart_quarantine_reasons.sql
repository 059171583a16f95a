select
    ingest_date,
    stage,
    error_type,
    event_type,
    record_count,
    object_count
from {{ ref('int_quarantine_reasons_counted') }}
{{ rebuilt_days('ingest_date') }}
