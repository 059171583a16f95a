-- Conservation: records = curated + duplicates + quarantined + erased, on every arrival day.
select
    ingest_date,
    record_count,
    missing_count
from {{ ref('mart_data_health') }}
where
    missing_count <> 0
    or record_count - curated_count - duplicate_count - quarantined_count - erased_count <> 0
