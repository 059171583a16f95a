"""Glue job: take out what is past its retention, compact days of many files, let old releases expire.

With Glue's catalogue, Glue's table optimizers do the latter two.

Arguments: --JOB_NAME, --lake_store, and settings of the profile (see `glue_jobs._arguments`). Run again, there is nothing to do.
"""

from __future__ import annotations

import datetime as dt
import sys

from glue_jobs._arguments import end, lake_of, report, run_job
from pipeline.maintain import maintain
from pipeline.retention import retain


def main(arguments: list[str]) -> int:
    """Run the job; returns its exit code."""
    return run_job(_run, arguments)


def _run(arguments: list[str]) -> None:
    lake, _ = lake_of(arguments)
    now = dt.datetime.now(dt.UTC)
    if retained := retain(lake, now):
        report(f"Past its retention: {retained.rows}; releases {retained.releases}.")
    if lake.profile.catalogue == "glue":
        report("Glue's table optimizers compact and expire this lake's tables.")
        return
    done = maintain(lake, now)
    report(f"Compacted: {done.compacted}; expired {done.expired}; {done.deleted} files deleted.")


if __name__ == "__main__":
    end(main(sys.argv))
