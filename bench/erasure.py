"""A person erased from a large lake: what is rewritten, against what held the person."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pyarrow as pa

from bench.figure import Figure
from bench.measure import lake
from contracts.layout import EVENT_IDS, PERSONAL_VALUES, QUARANTINE, curated_table
from contracts.subjects import Identifier
from lakehouse.datafiles import readable
from lakehouse.duck import open_duckdb
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import connect, release_of
from pipeline.subject import belonging_to, identifiers_of

_BUSIEST: Final = """
select customer_id from curated.order_placed where customer_id is not null group by 1 order by count(*) desc, 1 limit 1
"""
_ADDRESSES: Final = pa.schema([("raw_object", pa.string()), ("raw_record", pa.int64())])


def erase_one(home: Path, raw: Path) -> list[Figure]:
    """Erasing the customer with most orders: raw objects and data files rewritten, against those that held the person."""
    Lake.create(home)
    shutil.copytree(raw, home / "raw", dirs_exist_ok=True)
    for step in ("curate", "derive"):
        lake(step, "--lake", str(home))
    opened = Lake.open(home)
    person, addresses = _busiest(opened)
    before = release_of(opened)
    done = lake("erase", "--lake", str(home), "--subject", person, "--confirm", person)
    (erasure,) = opened.erasures.all()
    objects = len(set(addresses["raw_object"].to_pylist()))
    gone = _files(opened, before) - _files(opened, opened.releases.get(erasure.releases[-1]))
    held = _holding(opened, gone, addresses)
    hits = erasure.proof.hits if erasure.proof else -1
    check = f"a search finds the person {hits} times"
    detail = f"{done.seconds:.1f} s with derive and marts, {addresses.num_rows} records"
    return [
        Figure("raw objects rewritten / that held the person", 1.0, len(erasure.rewritten) / objects, detail, check),
        Figure("data files rewritten / that held the person", 1.0, len(gone) / held, f"{len(gone)} files", check),
    ]  # fmt: skip


def _busiest(opened: Lake) -> tuple[str, pa.Table]:
    """The customer with most orders, and the addresses of all records of that person, or that name the person."""
    with connect(opened, release_of(opened)) as connection:
        ((customer,),) = connection.execute(_BUSIEST).fetchall()
        identifiers = identifiers_of(connection, Identifier("login", customer))
        found = belonging_to(connection, opened, identifiers)
    rows = [{"raw_object": name, "raw_record": number} for name, number in {*found.records, *found.mentions}]
    return customer, pa.Table.from_pylist(rows, _ADDRESSES)


def _files(opened: Lake, release: Release | None) -> set[str]:
    """Data files of the tables whose rows name their record."""
    wanted = {*map(curated_table, opened.declarations.events), EVENT_IDS, QUARANTINE, PERSONAL_VALUES}
    tables = {name: number for name, number in (release.tables if release else {}).items() if name in wanted}
    return {readable(file) for files in opened.catalogue.files_of(tables).values() for file in files}


def _holding(opened: Lake, files: set[str], addresses: pa.Table) -> int:
    """How many of the files hold a record of the person."""
    with open_duckdb(opened.warehouse.location) as connection:
        connection.register("addresses", addresses)
        sql = "select count(*) from read_parquet(?, hive_partitioning = false) semi join addresses using (raw_object, raw_record)"
        counts = (connection.execute(sql, [file]).fetchall()[0][0] for file in files)
        return sum(count > 0 for count in counts)
