"""Glue job: curate what is new in raw, then bring the derived tables up to it.

Arguments: --JOB_NAME, --lake_store, and settings of the profile (see `glue_jobs._arguments`). Run again, or twice at once: nothing
is lost and nothing doubled; the second of two exits 3.
"""

from __future__ import annotations

import sys

from glue_jobs._arguments import end, lake_of, report, run_job
from pipeline.accounts import totals
from pipeline.curate import curate
from pipeline.derive import derive


def main(arguments: list[str]) -> int:
    """Run the job; returns its exit code."""
    return run_job(_run, arguments)


def _run(arguments: list[str]) -> None:
    lake, _ = lake_of(arguments)
    curated = curate(lake)
    report(
        f"Curated: {totals(curated.accounts)}; releases {curated.releases}; recovered {curated.recovered}."
    )
    derived = derive(lake)
    report(f"Derived: {derived.rows}; release {derived.release}.")


if __name__ == "__main__":
    end(main(sys.argv))
