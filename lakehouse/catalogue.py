"""The Iceberg catalogue: tables, branches and the compare-and-swap that publishes them.

Every run writes to a branch of its own name. pyiceberg creates a misspelt branch without a word, so the name is made
here and nowhere else.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.manifest import DataFile
from pyiceberg.table import ALWAYS_TRUE, Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetSnapshotRefUpdate,
)
from pyiceberg.table.update.snapshot import ManageSnapshots
from pyiceberg.transforms import DayTransform, IdentityTransform
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError

from contracts.errors import HeldError, StorageError
from lakehouse.releases import Move

MAIN: Final = "main"
_PROPERTIES: Final = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "5",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "8",
}
_TRIES: Final = 5


def branch_of(run_id: str) -> str:
    """The branch that a run writes to."""
    return f"run_{run_id}"


class Catalogue:
    """Tables of one lake in SQLite's catalogue, files under `warehouse`."""

    def __init__(self, database: Path, warehouse: Path) -> None:
        self._database = database
        self._warehouse = warehouse

    @cached_property
    def _catalog(self) -> SqlCatalog:
        try:
            catalog = SqlCatalog(
                "lake", uri=f"sqlite:///{self._database}", warehouse=self._warehouse.as_uri()
            )
        except OperationalError as e:
            raise self._unusable(e.orig) from e
        listen(catalog.engine, "handle_error", self._translate)
        for namespace in ("curated", "marts", "platform"):
            catalog.create_namespace_if_not_exists(namespace)
        return catalog

    def _translate(self, context: ExceptionContext) -> None:
        if isinstance(context.original_exception, sqlite3.OperationalError):
            raise self._unusable(context.original_exception)

    def _unusable(self, error: BaseException | None) -> StorageError:
        return StorageError(
            f"{self._database} cannot be used ({error}). Free space or mend permissions, then run again."
        )

    def load(self, identifier: str) -> Table | None:
        """The table as it is now, or None."""
        try:
            return self._catalog.load_table(identifier)
        except NoSuchTableError:
            return None

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
        if set(_paths(schema)) - set(table.schema().column_names):
            with table.update_schema() as update:
                update.union_by_name(schema)
        return table

    def _create(self, identifier: str, schema: pa.Schema, partition: str | None) -> Table:
        with self._catalog.create_table_transaction(
            identifier, schema=schema, properties=_PROPERTIES
        ) as transaction:
            if partition is not None:
                is_date = pa.types.is_date(schema.field(partition).type)
                with transaction.update_spec() as spec:
                    name = f"{partition}_{'value' if is_date else 'day'}"
                    spec.add_field(partition, IdentityTransform() if is_date else DayTransform(), name)
        table = self._catalog.load_table(identifier)
        with table.transaction() as transaction, transaction.update_snapshot().fast_append():
            pass  # an empty first snapshot, for a branch to begin at
        return table

    def stage(
        self, table: Table, run_id: str, added: Iterable[DataFile], removed: Iterable[DataFile] = ()
    ) -> Move:
        """Write a snapshot on the run's branch, on top of main as `table` saw it, in one commit."""
        before = table.metadata.snapshot_by_name(MAIN)
        removed = list(removed)
        transaction = _without_history(table).transaction()
        update = transaction.update_snapshot(snapshot_properties={"lake.run-id": run_id}, branch=None)
        with update.overwrite() if removed else update.merge_append() as producer:
            for file in removed:
                producer.delete_data_file(file)
            for file in added:
                producer.append_data_file(file)
        with ManageSnapshots(transaction) as manage:
            manage.create_branch(producer.snapshot_id, branch_of(run_id))
        transaction.commit_transaction()
        return Move(before.snapshot_id if before else None, producer.snapshot_id)

    def publish(self, identifier: str, run_id: str, move: Move) -> None:
        """Move main by compare-and-swap and drop the branch. Again is harmless.

        Raises:
            HeldError: when main is somewhere else, which only a foreign writer can have done.
        """
        for attempt in range(_TRIES):
            table = self._catalog.load_table(identifier)
            if _has_arrived(table, move.after):
                return
            try:
                self._swap(table, run_id, move)
            except CommitFailedException:
                time.sleep(0.05 * attempt)
        table = self._catalog.load_table(identifier)
        if not _has_arrived(table, move.after):
            raise HeldError(
                f"Table {identifier} was written by another program; curated tables are this program's alone to write."
            )

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

    def discard(self, run_id: str) -> None:
        """Drop an unpublished run's branch and snapshot from every table."""
        for table, snapshot_id in self._staged(run_id):
            drop = (
                RemoveSnapshotRefUpdate(ref_name=branch_of(run_id)),
                RemoveSnapshotsUpdate(snapshot_ids=[snapshot_id]),
            )
            self._catalog.commit_table(table, (), drop)

    def staged_metadata(self, run_id: str) -> list[str]:
        """Manifest files that only an unpublished run's branches name."""
        return [
            path
            for table, snapshot_id in self._staged(run_id)
            for path in _metadata_files(table, snapshot_id)
        ]

    def _staged(self, run_id: str) -> list[tuple[Table, int]]:
        tables = [self._catalog.load_table(identifier) for identifier in self.identifiers()]
        refs = [(table, table.refs().get(branch_of(run_id))) for table in tables]
        return [(table, ref.snapshot_id) for table, ref in refs if ref is not None]

    def identifiers(self) -> list[str]:
        """Every table there is, as `namespace.name`, in order."""
        return sorted(
            ".".join(name)
            for space in self._catalog.list_namespaces()
            for name in self._catalog.list_tables(space)
        )

    def files(
        self, identifier: str, snapshot_id: int | None, row_filter: str | None = None
    ) -> list[DataFile]:
        """The data files of a snapshot (None: of main now), or those that may hold rows of `row_filter`."""
        table = self._catalog.load_table(identifier)
        scan = table.scan(snapshot_id=snapshot_id, row_filter=row_filter or ALWAYS_TRUE)
        return [task.file for task in scan.plan_files()]


def _paths(fields: Iterable[pa.Field], prefix: str = "") -> Iterator[str]:
    """Every column and every field below one, named as Iceberg names them."""
    for field in fields:
        path, kind = prefix + field.name, field.type
        yield path
        if pa.types.is_list(kind):
            yield from _paths([kind.value_field.with_name("element")], f"{path}.")
        elif pa.types.is_struct(kind):
            yield from _paths(kind, f"{path}.")


def _without_history(table: Table) -> Table:
    """The same table, knowing only its newest snapshot.

    A transaction copies the metadata at every step; with all snapshots in it, the cost of a run would follow the number of
    runs before it. The catalogue applies the transaction's updates to the metadata in full.
    """
    newest = table.metadata.snapshot_by_name(MAIN)
    update = {
        "snapshots": [newest] if newest else [],
        "refs": {name: ref for name, ref in table.metadata.refs.items() if name == MAIN},
        "snapshot_log": [],
        "metadata_log": [],
    }
    metadata = table.metadata.model_copy(update=update)
    return Table(table.name(), metadata, table.metadata_location, table.io, table.catalog)


def _has_arrived(table: Table, snapshot_id: int) -> bool:
    main = table.metadata.snapshot_by_name(MAIN)
    return any(s.snapshot_id == snapshot_id for s in ancestors_of(main, table.metadata))


def _metadata_files(table: Table, snapshot_id: int) -> list[str]:
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        return []
    own = [m.manifest_path for m in snapshot.manifests(table.io) if m.added_snapshot_id == snapshot_id]
    return [snapshot.manifest_list, *own]
