"""Which raw objects a run takes: those the ledger does not know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contracts.layout import LEDGER, arrival_hour
from lakehouse.datafiles import readable
from lakehouse.duck import open_duckdb
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.store import Folder

NO_DATE: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """Raw objects to curate, in order of their names, with their sizes; and the folders they were found in."""

    objects: list[tuple[str, int]]
    folders: list[Folder]

    @property
    def size(self) -> int:
        """Bytes of raw in all."""
        return sum(size for _, size in self.objects)

    def slices(self, most: int) -> Iterator[list[str]]:
        """The objects cut into runs of at most `most` bytes each (or one larger object), so that memory does not follow the input."""
        batch: list[str] = []
        filled = 0
        for raw_object, size in self.objects:
            if batch and filled + size > most:
                yield batch
                batch, filled = [], 0
            batch.append(raw_object)
            filled += size
        if batch:
            yield batch


def plan(lake: Lake, release: Release | None) -> Plan:
    """Look into the folders of raw that changed, and leave out the objects that the ledger has.

    An object that appears in an old folder is found, and so is a folder that was moved in with its old times.
    """
    folders = lake.listing.changed()
    sizes = {name: size for folder in folders for name, size in folder.objects.items()}
    done = _curated_before(lake, release, {arrival_date(name) for name in sizes}) if sizes else set()
    return Plan(sorted(item for item in sizes.items() if item[0] not in done), folders)


def arrival_date(raw_object: str) -> dt.date:
    """The arrival date in an object's path; 1970-01-01 for an object outside the layout."""
    hour = arrival_hour(raw_object)
    return hour.date() if hour else NO_DATE


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
