-- The tables are those the contracts declare, so that an added event type makes no false gap. Each run that brings events adds
-- to the ledger, so its changes stand for theirs.
-- depends_on: {{ ref('stg_platform__ledger') }}
with curated as (
    {% for table in event_sources() %}
    select
        producer,
        producer_seq,
        cast(ingested_at as date) as ingest_date
    from {{ table.relation_name }}
    union all
    {% endfor %}
    select
        cast(null as varchar) as producer,
        cast(null as bigint) as producer_seq,
        cast(null as date) as ingest_date
    where false
),

quarantined as (

    select
        {{ record_text('record', '$.detail.metadata.producer') }} as producer,
        try_cast({{ record_text('record', '$.detail.metadata.producer_seq') }} as bigint) as producer_seq,
        ingest_date
    from {{ ref('stg_platform__quarantine') }}

)

select * from curated
where producer is not null and producer_seq is not null
union all
select * from quarantined
where producer is not null and producer_seq >= 0
