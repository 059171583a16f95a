{{ config(materialized='table', partitioned_by=['part']) }}
select n as number, n as part from unnest(sequence(1, 150)) as t (n)
