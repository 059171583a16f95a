with numbered as (

    select
        producer,
        min(producer_seq) as first_seq,
        max(producer_seq) as last_seq,
        count(distinct producer_seq) as received_count,
        max(ingest_date) as last_ingest_date
    from {{ ref('int_producer_events_unioned') }}
    group by producer

)

select
    producer,
    first_seq,
    last_seq,
    received_count,
    last_seq - first_seq - received_count + 1 as missing_count,
    last_ingest_date
from numbered
