with accounts as (

    select
        ingest_date,
        count(distinct raw_object) as object_count,
        count(distinct case when problem is not null then raw_object end) as problem_object_count,
        cast(sum(records) as bigint) as record_count,
        cast(sum(curated) as bigint) as curated_count,
        cast(sum(duplicates) as bigint) as duplicate_count,
        cast(sum(quarantined) as bigint) as quarantined_count,
        cast(sum(erased) as bigint) as erased_count,
        cast(sum(unread_bytes) as bigint) as unread_bytes,
        max(recorded_at) as last_recorded_at
    from {{ ref('stg_platform__ledger') }}
    group by ingest_date

),

error_types as (

    select
        ingest_date,
        error_type,
        cast(sum(record_count) as bigint) as record_count,
        row_number() over (partition by ingest_date order by sum(record_count) desc, error_type asc) as place
    from {{ ref('int_quarantine_reasons_counted') }}
    group by ingest_date, error_type

),

reasons as (

    select
        ingest_date,
        count(*) as error_type_count,
        max(case when place = 1 then error_type end) as main_error_type
    from error_types
    group by ingest_date

)

select
    accounts.ingest_date,
    accounts.object_count,
    accounts.problem_object_count,
    accounts.record_count,
    accounts.curated_count,
    accounts.duplicate_count,
    accounts.quarantined_count,
    accounts.erased_count,
    accounts.record_count
    - accounts.curated_count
    - accounts.duplicate_count
    - accounts.quarantined_count
    - accounts.erased_count as missing_count,
    accounts.unread_bytes,
    coalesce(reasons.error_type_count, 0) as error_type_count,
    reasons.main_error_type,
    accounts.last_recorded_at
from accounts
left join reasons on accounts.ingest_date = reasons.ingest_date
