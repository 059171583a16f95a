select
    ingest_date,
    object_count,
    problem_object_count,
    record_count,
    curated_count,
    duplicate_count,
    quarantined_count,
    erased_count,
    missing_count,
    unread_bytes,
    error_type_count,
    main_error_type,
    last_recorded_at
from {{ ref('int_ingest_days_accounted') }}
{{ rebuilt_days('ingest_date') }}
