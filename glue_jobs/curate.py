"""Glue job: curate what is new in raw, then bring the derived tables up to it.

Arguments: --JOB_NAME, --lake_store, and settings of the profile (see `glue_jobs._arguments`). Run again, or twice at once: nothing
is lost and nothing doubled; the second of two exits 3.
"""

from __future__ import annotations

import sys

from contracts.errors import LakeError
from glue_jobs._arguments import lake_of, report
from pipeline.accounts import totals
from pipeline.curate import curate
from pipeline.derive import derive


def main(arguments: list[str]) -> int:
    """Run the job; returns its exit code."""
    try:
        lake, _ = lake_of(arguments)
        curated = curate(lake)
        report(
            f"Curated: {totals(curated.accounts)}; releases {curated.releases}; recovered {curated.recovered}."
        )
        derived = derive(lake)
        report(f"Derived: {derived.rows}; release {derived.release}.")
    except LakeError as e:
        report(str(e))
        return e.exit_code
    return 0


if __name__ == "__main__":
    code = main(sys.argv)
    if code:  # Glue takes any exit for a failure, an exit with 0 too
        sys.exit(code)
