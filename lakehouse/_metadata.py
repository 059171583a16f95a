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
