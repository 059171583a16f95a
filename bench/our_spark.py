"""Curate on Spark, timed with and without start-up, and the bytes of raw that its tasks read.

Usage: python -m bench.our_spark LAKE
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lakehouse._spark import start
from lakehouse.lake import Lake
from pipeline.curate import curate


def main(home: str) -> None:
    """Curate a lake whose profile names Spark; prints the seconds without start-up."""
    session = start()
    session.range(1).count()  # start-up ends with the first job
    began = time.perf_counter()
    result = curate(Lake.open(Path(home)))
    sys.stdout.write(f"seconds {time.perf_counter() - began:.3f}\n")
    sys.stdout.write(f"bytes {result.bytes_read}\n")
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
