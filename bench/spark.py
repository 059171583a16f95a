"""Spark: our curate against a job as they are often written, on the same raw of ten event types; and against one machine."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from bench.measure import Measured, lake, measure, size_of
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of

Record = dict[str, Any]

EVENT_TYPES: Final = (
    "page_viewed", "product_viewed", "product_searched", "cart_item_added", "checkout_started",
    "order_placed", "payment_captured", "shipment_dispatched", "sale_completed", "stock_adjusted",
)  # fmt: skip


def ten_types(raw: Path, out: Path) -> Path:
    """Raw of the ten event types, object by object; made once."""
    return _changed(raw, out, lambda records: [r for r in records if r["detail-type"] in EVENT_TYPES])


def one_visitor(raw: Path, out: Path) -> Path:
    """Raw in which every second record that has a visitor has the same one; made once."""
    return _changed(raw, out, _skewed)


def _skewed(records: list[Record]) -> list[Record]:
    for record in [r for r in records if r["detail"].get("visitor_id")][::2]:
        record["detail"]["visitor_id"] = "everybody"
    return records


def _changed(raw: Path, out: Path, change: Callable[[list[Record]], list[Record]]) -> Path:
    """Raw with the records of every object changed; made once."""
    done = out / "done"
    if not done.exists():
        shutil.rmtree(out, ignore_errors=True)
        for path in sorted(raw.rglob("*.gz")):
            records = change([orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()])
            target = out / "raw" / path.relative_to(raw)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, records)), 6, mtime=0))
        done.touch()
    return out / "raw"


def derived(raw: Path, home: Path) -> Measured:
    """Derive on Spark, after a curate that is not measured."""
    shutil.rmtree(home, ignore_errors=True)
    Lake.create(home)
    (home / "raw").symlink_to(raw.resolve(), target_is_directory=True)
    lake("curate", "--lake", str(home))
    profile = home / "lake.toml"
    profile.write_text(profile.read_text() + 'engine = "spark"\n')
    return lake("derive", "--lake", str(home), memory=True)


def share_of_one_visitor(home: Path) -> float:
    """How much of all activity in sessions is one visitor's."""
    opened = Lake.open(home)
    sql = "select sum(event_count) filter (visitor_id = 'everybody') / sum(event_count) from curated.sessions"
    with connect(opened, release_of(opened)) as connection:
        return float(connection.execute(sql).fetchall()[0][0])


def naive(raw: Path, out: Path) -> Measured:
    """The naive job."""
    shutil.rmtree(out, ignore_errors=True)
    return measure("-m", "bench.naive_spark", str(raw), str(out), *EVENT_TYPES)


def ours(raw: Path, home: Path, *, engine: str) -> Measured:
    """Our curate of the same raw, on Spark or on this machine alone."""
    shutil.rmtree(home, ignore_errors=True)
    Lake.create(home, {"engine": engine})
    (home / "raw").symlink_to(raw.resolve(), target_is_directory=True)
    if engine == "spark":
        return measure("-m", "bench.our_spark", str(home))
    return lake("curate", "--lake", str(home))


def printed(measured: Measured, name: str) -> float:
    """A figure that a job printed."""
    return next(
        float(line.split()[1]) for line in measured.output.splitlines() if line.startswith(f"{name} ")
    )


def same_rows(home: Path, naive_out: Path) -> str:
    """Compares ids and times of every table with what the naive job wrote."""
    opened = Lake.open(home)
    off, rows = [], 0
    with connect(opened, release_of(opened)) as connection:
        for name in EVENT_TYPES:
            mine = f"select event_id, occurred_at from curated.{name}"
            theirs = (
                "select event_id, cast(cast(metadata.occurred_at as timestamptz) as timestamp) as occurred_at"
                f" from read_parquet('{naive_out}/{name}/*/*.parquet', hive_partitioning = false)"
            )
            sql = f"select (select count(*) from ({mine})), (select count(*) from (({mine}) except ({theirs}))), (select count(*) from (({theirs}) except ({mine})))"
            found = connection.execute(sql).fetchall()[0]
            rows += found[0]
            off += [name] if found[1] or found[2] else []
    return f"DIFFERENT: {off}" if off else f"{rows} ids and times in {len(EVENT_TYPES)} tables, equal"


def read_ratio(measured: Measured, raw: Path) -> float:
    """Bytes of raw read, against what there is."""
    return printed(measured, "bytes") / size_of(raw)
