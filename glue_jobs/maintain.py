"""Glue job: compact days of many files, and let old releases expire. With Glue's catalogue, Glue's table optimizers do that.

Arguments: --JOB_NAME, --lake_store, and settings of the profile (see `glue_jobs._arguments`). Run again, there is nothing to do.
"""

from __future__ import annotations

import datetime as dt
import sys

from contracts.errors import LakeError
from glue_jobs._arguments import lake_of, report
from pipeline.maintain import maintain


def main(arguments: list[str]) -> int:
    """Run the job; returns its exit code."""
    try:
        lake, _ = lake_of(arguments)
        if lake.profile.catalogue == "glue":
            report("Glue's table optimizers compact and expire this lake's tables; nothing was done here.")
            return 0
        done = maintain(lake, dt.datetime.now(dt.UTC))
        report(f"Compacted: {done.compacted}; expired {done.expired}; {done.deleted} files deleted.")
    except LakeError as e:
        report(str(e))
        return e.exit_code
    return 0


if __name__ == "__main__":
    code = main(sys.argv)
    if code:  # Glue takes any exit for a failure, an exit with 0 too
        sys.exit(code)
