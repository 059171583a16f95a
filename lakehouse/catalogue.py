"""The Iceberg catalogue: tables, branches and the compare-and-swap that publishes them.

Every run writes to a branch of its own name. pyiceberg creates a misspelt branch without a word, so the name is made
here and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import repeat
from typing import Any, Final, Protocol, TypeVar

import pyarrow as pa
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.manifest import DataFile
from pyiceberg.table import ALWAYS_TRUE, Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetSnapshotRefUpdate,
)
from pyiceberg.table.update.snapshot import ManageSnapshots
from pyiceberg.transforms import DayTransform, IdentityTransform

from contracts.errors import HeldError, UsageError
from contracts.layout import NAMESPACES
from lakehouse._catalogue_errors import told
from lakehouse._metadata import MAIN, column_paths, expirable, has_arrived, metadata_files, without_history
from lakehouse._overwrite import Overwrite
from lakehouse.releases import Move

_PROPERTIES: Final = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "5",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "8",
}
_TRIES: Final = 5


R = TypeVar("R")


def branch_of(run_id: str) -> str:
    """The branch that a run writes to."""
    return f"run_{run_id}"


class Service(Protocol):
    """Whose catalogue it is; `prefix` stands before each namespace there."""

    @property
    def prefix(self) -> str:
        """What stands before the names of namespaces."""

    @property
    def at_once(self) -> int:
        """How many questions to ask at a time: many where each takes several answers from afar, one after the other."""

    def connect(self) -> MetastoreCatalog:
        """The catalogue, with its namespaces.

        Raises:
            StorageError: when it cannot be reached.
        """


class Catalogue:
    """Tables of one lake, as `namespace.name`, whatever the service calls their namespaces."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @cached_property
    def _catalog(self) -> MetastoreCatalog:
        return self._service.connect()

    def name_of(self, table: Table) -> str:
        """The table's identifier, `namespace.name`."""
        return ".".join(table.name()).removeprefix(self._service.prefix)

    def _load(self, identifier: str) -> Table:
        return self._catalog.load_table(self._service.prefix + identifier)

    @told
    def load(self, identifier: str) -> Table | None:
        """The table as it is now, or None."""
        try:
            return self._load(identifier)
        except NoSuchTableError:
            return None

    @told
    def ensure(self, identifier: str, schema: pa.Schema, partition: str | None) -> Table:
        """The table, made when missing and widened by columns it lacks.

        Args:
            identifier: `namespace.name`.
            schema: the columns it must have.
            partition: a date column (by value) or a timestamp column (by day), or None.
        """
        table = self.load(identifier)
        if table is None:
            return self._create(identifier, schema, partition)
        if set(column_paths(schema)) - set(table.schema().column_names):
            with table.update_schema() as update:
                update.union_by_name(schema)
        return table

    def _create(self, identifier: str, schema: pa.Schema, partition: str | None) -> Table:
        with self._catalog.create_table_transaction(
            self._service.prefix + identifier, schema=schema, properties=_PROPERTIES
        ) as transaction:
            if partition is not None:
                is_date = pa.types.is_date(schema.field(partition).type)
                with transaction.update_spec() as spec:
                    name = f"{partition}_{'value' if is_date else 'day'}"
                    spec.add_field(partition, IdentityTransform() if is_date else DayTransform(), name)
            with transaction.update_snapshot().fast_append():
                pass  # an empty first snapshot, for a branch to begin at
        return self._load(identifier)

    @told
    def stage(
        self, table: Table, run_id: str, added: Iterable[DataFile], removed: Iterable[DataFile] = ()
    ) -> Move:
        """Write a snapshot on the run's branch, on top of main as `table` saw it, in one commit."""
        before = table.metadata.snapshot_by_name(MAIN)
        removed = list(removed)
        transaction = without_history(table).transaction()
        properties = {"lake.run-id": run_id}
        update = transaction.update_snapshot(snapshot_properties=properties, branch=None)
        overwrite = Overwrite(Operation.OVERWRITE, transaction, table.io, None, properties, None)
        with overwrite if removed else update.merge_append() as producer:
            for file in removed:
                producer.delete_data_file(file)
            for file in added:
                producer.append_data_file(file)
        with ManageSnapshots(transaction) as manage:
            manage.create_branch(producer.snapshot_id, branch_of(run_id))
        transaction.commit_transaction()
        return Move(before.snapshot_id if before else None, producer.snapshot_id)

    @told
    def publish(self, identifier: str, run_id: str, move: Move) -> None:
        """Move main by compare-and-swap and drop the branch. Again is harmless.

        Raises:
            HeldError: when main is somewhere else, which only a foreign writer can have done.
        """
        for attempt in range(_TRIES):
            table = self._load(identifier)
            if has_arrived(table, move.after):
                return
            try:
                self._swap(table, run_id, move)
            except CommitFailedException:
                time.sleep(0.05 * attempt)
        table = self._load(identifier)
        if not has_arrived(table, move.after):
            raise HeldError(
                f"Table {identifier} was written by another program; curated tables are this program's alone to write."
            )

    def publish_all(self, run_id: str, moves: Mapping[str, Move]) -> None:
        """Publish the run's moves of several tables. See `publish`."""
        self._each(self.publish, moves.keys(), repeat(run_id), moves.values())

    def _swap(self, table: Table, run_id: str, move: Move) -> None:
        branch = branch_of(run_id)
        to = SetSnapshotRefUpdate(
            ref_name=MAIN,
            type=SnapshotRefType.BRANCH,
            snapshot_id=move.after,
            max_ref_age_ms=None,
            max_snapshot_age_ms=None,
            min_snapshots_to_keep=None,
        )
        drop = [RemoveSnapshotRefUpdate(ref_name=branch)] if branch in table.refs() else []
        self._catalog.commit_table(
            table, (AssertRefSnapshotId(ref=MAIN, snapshot_id=move.before),), (to, *drop)
        )

    @told
    def discard(self, run_id: str) -> None:
        """Drop an unpublished run's branch and snapshot from every table."""
        for table, snapshot_id in self._staged(run_id):
            drop = (
                RemoveSnapshotRefUpdate(ref_name=branch_of(run_id)),
                RemoveSnapshotsUpdate(snapshot_ids=[snapshot_id]),
            )
            self._catalog.commit_table(table, (), drop)

    @told
    def staged_metadata(self, run_id: str) -> list[str]:
        """Manifest files that only an unpublished run's branches name."""
        return [
            path for table, snapshot_id in self._staged(run_id) for path in metadata_files(table, snapshot_id)
        ]

    def _staged(self, run_id: str) -> list[tuple[Table, int]]:
        tables = [self._load(identifier) for identifier in self.identifiers()]
        refs = [(table, table.refs().get(branch_of(run_id))) for table in tables]
        return [(table, ref.snapshot_id) for table, ref in refs if ref is not None]

    @told
    def expirable(self, identifier: str, needed: Iterable[int]) -> tuple[list[int], list[str]]:
        """Snapshots of a table that are neither needed nor main nor on a branch; and the files, by path or URL, that only they name."""
        return expirable(self._load(identifier), needed)

    @told
    def expire(self, identifier: str, snapshots: Iterable[int]) -> None:
        """Forget snapshots; those that are forgotten already are no error."""
        for attempt in range(_TRIES):
            table = self._load(identifier)
            there = {each.snapshot_id for each in table.snapshots()}
            if not (gone := [each for each in snapshots if each in there]):
                return
            try:
                self._catalog.commit_table(table, (), (RemoveSnapshotsUpdate(snapshot_ids=gone),))
            except CommitFailedException:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(0.05 * attempt)

    @told
    def identifiers(self) -> list[str]:
        """Every table there is, as `namespace.name`, in order."""
        prefix = self._service.prefix
        return sorted(
            ".".join(name).removeprefix(prefix)
            for namespace in NAMESPACES
            for name in self._catalog.list_tables(prefix + namespace)
        )

    @told
    def files(
        self, identifier: str, snapshot_id: int | None, row_filter: str | None = None
    ) -> list[DataFile]:
        """The data files of a snapshot (None: of main now), or those that may hold rows of `row_filter`.

        Raises:
            UsageError: when the snapshot is expired.
        """
        table = self._load(identifier)
        if snapshot_id is not None and table.snapshot_by_id(snapshot_id) is None:
            raise UsageError(
                f"That release is expired: `lake maintain` let its {identifier} go. Name a newer one."
            )
        scan = table.scan(snapshot_id=snapshot_id, row_filter=row_filter or ALWAYS_TRUE)
        return [task.file for task in scan.plan_files()]

    def files_of(self, snapshots: Mapping[str, int]) -> dict[str, list[DataFile]]:
        """The data files of a snapshot of each table."""
        found = self._each(self.files, snapshots.keys(), snapshots.values())
        return dict(zip(snapshots, found, strict=True))

    def _each(self, method: Callable[..., R], *arguments: Iterable[Any]) -> list[R]:
        if self._service.at_once == 1:
            return list(map(method, *arguments))
        with ThreadPoolExecutor(self._service.at_once) as pool:
            return list(pool.map(method, *arguments))
