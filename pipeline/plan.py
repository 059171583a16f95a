"""Which raw objects a run takes: those the ledger does not know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contracts.layout import LEDGER, arrival_date
from lakehouse.datafiles import readable
from lakehouse.duck import open_duckdb
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.store import Folder

_BATCH_BYTES: Final = 1024 * 1024
"""Raw bytes that are decoded together: as many objects as it takes, or one larger one."""

Batch = list[str]
"""Names of raw objects that are decoded together."""

Objects = list[tuple[str, int]]
"""Raw objects by name, with their sizes in bytes as stored."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Raw objects to curate, in order of their names, with their sizes; and the folders they were found in."""

    objects: Objects
    folders: list[Folder]

    @property
    def size(self) -> int:
        """Bytes of raw in all."""
        return sum(size for _, size in self.objects)

    def slices(self, most: int) -> Iterator[list[Batch]]:
        """Batches for runs of at most `most` bytes each (or one larger object), so that memory does not follow the input."""
        for objects in _cut(self.objects, most):
            yield [[name for name, _ in batch] for batch in _cut(objects, min(most, _BATCH_BYTES))]


def _cut(objects: Objects, most: int) -> Iterator[Objects]:
    """The objects in order, cut where a piece would have more than `most` bytes."""
    piece: Objects = []
    filled = 0
    for raw_object, size in objects:
        if piece and filled + size > most:
            yield piece
            piece, filled = [], 0
        piece.append((raw_object, size))
        filled += size
    if piece:
        yield piece


def plan(lake: Lake, release: Release | None) -> Plan:
    """Look into the folders of raw that changed, and leave out the objects that the ledger has.

    An object that appears in an old folder is found, and so is a folder that was moved in with its old times.
    """
    folders = lake.listing.changed(release.unlisted if release else 0)
    sizes = {name: size for folder in folders for name, size in folder.objects.items()}
    done = _curated_before(lake, release, {arrival_date(name) for name in sizes}) if sizes else set()
    return Plan(sorted(item for item in sizes.items() if item[0] not in done), folders)


def _curated_before(lake: Lake, release: Release | None, dates: set[dt.date]) -> set[str]:
    snapshot = release.tables.get(LEDGER) if release else None
    if snapshot is None:
        return set()
    span = f"ingest_date >= '{min(dates)}' and ingest_date <= '{max(dates)}'"
    files = [readable(f) for f in lake.catalogue.files(LEDGER, snapshot, span)]
    if not files:
        return set()
    with open_duckdb(files[0]) as connection:
        rows = connection.execute(
            "select distinct raw_object from read_parquet(?, hive_partitioning = false)", [files]
        ).fetchall()
    return {name for (name,) in rows}
