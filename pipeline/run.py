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
from lakehouse.releases import Move, Release, Work
from lakehouse.scratch import delete_scratch


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
    def scratch(self) -> str:
        """Where rows pass between processes: the working folder, or a place on the store when executors are elsewhere."""
        return self.lake.scratch(self.run_id)

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
        identifier = self.lake.catalogue.name_of(table)
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


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What recovery must know of a run under way: `base` is the number of the release it started from, or 0."""

    verb: str
    started_at: str
    base: int


@contextmanager
def new_run(lake: Lake, verb: str) -> Iterator[Run]:
    """A run with a working folder and a record, both gone when it ends in order; a kill leaves them for recovery.

    A run that fails before it claimed its release takes back what it staged; after that it is for recovery to finish.
    """
    started = dt.datetime.now(dt.UTC)
    run_id = f"{started:%Y%m%dT%H%M%S}{secrets.token_hex(4)}"
    run = Run(lake, verb, run_id, started.replace(tzinfo=None), lake.releases.latest())
    record = RunRecord(verb=verb, started_at=started.isoformat(), base=run.number - 1)
    lake.run_records.write(run_id, msgspec.json.encode(record))
    run.folder.mkdir(parents=True)
    try:
        yield run
    except Exception:
        if not run.decided:
            lake.warehouse.delete(orphans_of(lake, run_id))
            discard_run(lake, run_id)
        raise
    # another run may have finished this one, and tidied up, while it slept after its claim
    forget_run(lake, run_id)


def publish(
    run: Run,
    *,
    derived: int | None = None,
    built: int | None = None,
    restores: int | None = None,
    lease_id: str | None = None,
    work: Work | None = None,
) -> Release:
    """Claim the next release, move the tables, write the release.

    `derived` and `built` are the releases that derived tables and marts now reflect, where the run changed that; `restores` is the
    one that an undo brings back; `work` is what the run took.

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
        restores=restores,
        unlisted=(base.unlisted if base else 0) if restores is None else run.number,
        work=work,
    )
    if lease_id is not None and not run.lake.lease.is_held_by(lease_id):
        raise HeldError(
            f"Run {run_id} was silent for longer than its lease and was overtaken; nothing of it was published. Run again."
        )
    _claim(run, release)
    reach("curate.claimed")
    finish(run.lake, release)
    return release


def _claim(run: Run, release: Release) -> None:
    """Claim the release. Where the store fails, the claim may stand all the same, so nothing may be taken back."""
    run.decided = True
    try:
        run.lake.releases.claim(release)
    except HeldError:
        run.decided = False
        raise


def finish(lake: Lake, release: Release) -> None:
    """Do what a claim decided: move every table, then write the release. Again, or by another process, is harmless."""
    moves = sorted(release.moves.items())
    if moves:
        lake.catalogue.publish_all(release.run_id, dict(moves[:1]))
        reach("curate.publishing")
    lake.catalogue.publish_all(release.run_id, dict(moves[1:]))
    reach("curate.published")
    lake.releases.complete(release)
    reach("curate.released")


def orphans_of(lake: Lake, run_id: str) -> list[str]:
    """The files that only an unpublished run names, by path or URL."""
    metadata = [path.removeprefix("file://") for path in lake.catalogue.staged_metadata(run_id)]
    return [*metadata, *lake.warehouse.written_by(run_id)]


def discard_run(lake: Lake, run_id: str) -> None:
    """Drop an unpublished run's branches, its working folder and its record."""
    lake.catalogue.discard(run_id)
    forget_run(lake, run_id)


def forget_run(lake: Lake, run_id: str) -> None:
    """Delete a run's working folder, then its record, which would have recovery look for it."""
    delete_scratch(lake.scratch(run_id))
    shutil.rmtree(lake.runs / run_id, ignore_errors=True)
    lake.run_records.delete(run_id)
