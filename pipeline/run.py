"""One run: its identity, its working folder, and how its staged tables become a release."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from contracts.errors import HeldError
from lakehouse.arrow_types import arrow_schema
from lakehouse.datafiles import WrittenFile, describe
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.releases import Move, Release
from lakehouse.store import write_whole


@dataclass
class Run:
    """A run under way. `base` is the release it started from; `moves` and `changes` grow as tables are staged."""

    lake: Lake
    verb: str
    run_id: str
    started_at: dt.datetime
    base: Release | None
    moves: dict[str, Move] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)
    decided: bool = False
    _tables: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The run's private working folder."""
        return self.lake.runs / self.run_id

    @property
    def number(self) -> int:
        """The release this run would be."""
        return self.base.number + 1 if self.base else 1

    def snapshot(self, identifier: str) -> int | None:
        """The table's snapshot in the base release."""
        return self.base.tables.get(identifier) if self.base else None

    def table(self, identifier: str) -> Any:
        """A declared Iceberg table as this run sees it, made or widened at first sight."""
        if identifier not in self._tables:
            fields, partition = self.lake.declarations.table(identifier)
            self._tables[identifier] = self.lake.catalogue.ensure(identifier, arrow_schema(fields), partition)
        return self._tables[identifier]

    def stage(self, table: Any, files: list[WrittenFile], removed: list[Any], days: set[dt.date]) -> None:
        """Put files on the run's branch of a table; `days` are the partitions that change."""
        identifier = ".".join(table.name())
        self.moves[identifier] = self.lake.catalogue.stage(
            table, self.run_id, describe(table, files), removed
        )
        self.changes[identifier] = sorted(str(day) for day in days)

    def constants(self) -> dict[str, pa.Scalar]:
        """Columns that are the same in every row of the run."""
        return {
            "run_id": pa.scalar(self.run_id),
            "curated_at": pa.scalar(self.started_at, pa.timestamp("us")),
        }


@contextmanager
def new_run(lake: Lake, verb: str) -> Iterator[Run]:
    """A run with a working folder and a record, both gone when it ends in order; a kill leaves them for recovery.

    A run that fails before it claimed its release takes back what it staged; after that it is for recovery to finish.
    """
    started = dt.datetime.now(dt.UTC)
    run_id = f"{started:%Y%m%dT%H%M%S}{secrets.token_hex(4)}"
    run = Run(lake, verb, run_id, started.replace(tzinfo=None), lake.releases.latest())
    record = {"verb": verb, "started_at": started.isoformat()}
    write_whole(run.folder / "run.json", msgspec.json.encode(record))
    try:
        yield run
    except Exception:
        if not run.decided:
            for file in orphans_of(lake, run_id):
                Path(file).unlink(missing_ok=True)
            discard_run(lake, run_id)
        raise
    # another run may have finished this one, and tidied up, while it slept after its claim
    shutil.rmtree(run.folder, ignore_errors=True)


def publish(
    run: Run, *, derived: int | None = None, built: int | None = None, lease_id: str | None = None
) -> Release:
    """Claim the next release, move the tables, write the release.

    `derived` and `built` are the releases that derived tables and marts now reflect, where the run changed that.

    Raises:
        HeldError: when another run came first; nothing of this one is published.
    """
    base, run_id = run.base, run.run_id
    release = Release(
        number=run.number,
        run_id=run_id,
        verb=run.verb,
        created_at=run.started_at.isoformat() + "Z",
        tables={**(base.tables if base else {}), **{name: move.after for name, move in run.moves.items()}},
        moves=run.moves,
        changes=run.changes,
        derived=(base.derived if base else 0) if derived is None else derived,
        built=(base.built if base else 0) if built is None else built,
    )
    if lease_id is not None and not run.lake.lease.is_held_by(lease_id):
        raise HeldError(
            f"Run {run_id} was silent for longer than its lease and was overtaken; nothing of it was published. Run again."
        )
    run.lake.releases.claim(release)
    run.decided = True
    reach("curate.claimed")
    finish(run.lake, release)
    return release


def finish(lake: Lake, release: Release) -> None:
    """Do what a claim decided: move every table, then write the release. Again, or by another process, is harmless."""
    for i, (identifier, move) in enumerate(sorted(release.moves.items())):
        lake.catalogue.publish(identifier, release.run_id, move)
        if i == 0:
            reach("curate.publishing")
    reach("curate.published")
    lake.releases.complete(release)
    reach("curate.released")


def orphans_of(lake: Lake, run_id: str) -> list[str]:
    """Paths of the files that only an unpublished run names."""
    metadata = [path.removeprefix("file://") for path in lake.catalogue.staged_metadata(run_id)]
    return [*metadata, *(str(path) for path in (lake.root / "warehouse").rglob(f"{run_id}-*.parquet"))]


def discard_run(lake: Lake, run_id: str) -> None:
    """Drop an unpublished run's branches and its working folder."""
    lake.catalogue.discard(run_id)
    shutil.rmtree(lake.runs / run_id, ignore_errors=True)
