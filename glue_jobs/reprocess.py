"""Glue job: judge a window of raw anew by the contracts of today, publish what differs, then bring the derived tables up to it.

Arguments: --JOB_NAME, --lake_store, --window_from and --window_to (hours of arrival, UTC, such as 2026-11-01T09:00), and settings of the
profile (see `glue_jobs._arguments`). Run again, nothing differs any more; beside runs of curate, none of them waits for long.
"""

from __future__ import annotations

import datetime as dt
import sys

from contracts.errors import UsageError
from glue_jobs._arguments import end, lake_of, report, run_job
from pipeline.derive import derive
from pipeline.reprocess import reprocess
from pipeline.window import Window


def main(arguments: list[str]) -> int:
    """Run the job; returns its exit code."""
    return run_job(_run, arguments)


def _run(arguments: list[str]) -> None:
    lake, given = lake_of(arguments, known=["window_from", "window_to"])
    window = Window(_hour(given["window_from"]), _hour(given["window_to"]))
    result = reprocess(lake, window)
    report(f"Reprocessed: {result.objects} raw objects; releases {result.releases}.")
    for table in result.differences:
        report(f"{table.table}: {table.rows_before} rows before, {table.rows_after} after.")
    derived = derive(lake)
    report(f"Derived: {derived.rows}; release {derived.release}.")


def _hour(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as e:
        raise UsageError(f"{text!r} is no hour (UTC), such as 2026-11-01T09:00.") from e


if __name__ == "__main__":
    end(main(sys.argv))
