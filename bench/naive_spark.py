"""The yardstick for Spark: a job as they are often written for Glue.

For each event type: read all of raw as JSON, filter, drop duplicates, overwrite Parquet. It validates nothing, keeps no
quarantine and no ledger.

Usage: python -m bench.naive_spark RAW OUT EVENT_TYPE…
"""

from __future__ import annotations

import sys
import time

from pyspark.sql import functions as f

from lakehouse._spark import start


def main(raw: str, out: str, *event_types: str) -> None:
    """Write one Parquet table for each event type; prints the seconds without start-up."""
    session = start()
    session.range(1).count()  # start-up ends with the first job
    began = time.perf_counter()
    for event_type in event_types:
        events = (
            session.read.json(f"{raw}/*/*/*/*.json.gz")
            .where(f.col("detail-type") == event_type)
            .select("source", "time", "detail.*")
            .withColumn("event_id", f.col("metadata.event_id"))
            .withColumn("occurred_date", f.to_date(f.col("metadata.occurred_at")))
            .dropDuplicates(["event_id"])
        )
        events.write.mode("overwrite").partitionBy("occurred_date").parquet(f"{out}/{event_type}")
    sys.stdout.write(f"seconds {time.perf_counter() - began:.3f}\n")
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
