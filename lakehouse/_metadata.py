"""Questions to the metadata of an Iceberg table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
from pyiceberg.table import Table
from pyiceberg.table.snapshots import ancestors_of

MAIN: Final = "main"


def column_paths(fields: Iterable[pa.Field], prefix: str = "") -> Iterator[str]:
    """Every column and every field below one, named as Iceberg names them."""
    for field in fields:
        path, kind = prefix + field.name, field.type
        yield path
        if pa.types.is_list(kind):
            yield from column_paths([kind.value_field.with_name("element")], f"{path}.")
        elif pa.types.is_struct(kind):
            yield from column_paths(kind, f"{path}.")


def without_history(table: Table) -> Table:
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


def has_arrived(table: Table, snapshot_id: int) -> bool:
    """True when main is at that snapshot, or went past it."""
    main = table.metadata.snapshot_by_name(MAIN)
    return any(s.snapshot_id == snapshot_id for s in ancestors_of(main, table.metadata))


def metadata_files(table: Table, snapshot_id: int) -> list[str]:
    """The files that only that snapshot names: its manifest list, and manifests of its own."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        return []
    own = [m.manifest_path for m in snapshot.manifests(table.io) if m.added_snapshot_id == snapshot_id]
    return [snapshot.manifest_list, *own]


def expirable(table: Table, needed: Iterable[int]) -> tuple[list[int], list[str]]:
    """Snapshots that are neither needed nor named by a ref, the oldest first; and the files that only they name."""
    kept = {*needed, *(ref.snapshot_id for ref in table.refs().values())}
    gone = [each.snapshot_id for each in table.snapshots() if each.snapshot_id not in kept]
    if not gone:
        return [], []
    there = kept & {each.snapshot_id for each in table.snapshots()}
    theirs = {path for each in gone for path in _files_named_by(table, each)}
    in_force = {path for each in there for path in _files_named_by(table, each, only_live=True)}
    return gone, sorted(path.removeprefix("file://") for path in theirs - in_force)


def _files_named_by(table: Table, snapshot_id: int, *, only_live: bool = False) -> Iterator[str]:
    """Everything that a snapshot names: its manifest list, its manifests, and their data files, those it took away too or not."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        return
    yield snapshot.manifest_list
    for manifest in snapshot.manifests(table.io):
        yield manifest.manifest_path
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=only_live):
            yield entry.data_file.file_path
