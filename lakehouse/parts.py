"""What a profile's `store` decides: where raw, tables and records are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lakehouse.catalogue import Service
from lakehouse.profile import Profile
from lakehouse.records import FileRecords, Records
from lakehouse.store import FileStore, Store
from lakehouse.warehouse import FileWarehouse, Warehouse


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a lake that are where its store is."""

    store: Store
    warehouse: Warehouse
    records: Records


def parts_of(root: Path, profile: Profile) -> Parts:
    """The parts of the lake in `root`; nothing is made or reached yet."""
    if profile.is_remote:
        return _on_s3(profile)
    return Parts(FileStore(root / "raw"), FileWarehouse(root / "warehouse"), FileRecords(root))


def _on_s3(profile: Profile) -> Parts:
    from lakehouse._s3 import Prefix, S3Records, S3Store, S3Warehouse  # noqa: PLC0415 the embedded road knows no cloud

    place = Prefix.of(profile.store)
    return Parts(S3Store(place.below("raw")), S3Warehouse(place.below("warehouse")), S3Records(place))


def service_of(root: Path, profile: Profile, warehouse: Warehouse) -> Service:
    """Whose catalogue has the tables of the warehouse."""
    if profile.catalogue == "glue":
        from lakehouse._glue import GlueService  # noqa: PLC0415 the embedded road knows no cloud

        return GlueService(profile.glue_database_prefix, warehouse.location)
    from lakehouse._sqlite import SqliteService  # noqa: PLC0415 the other road need not load it

    if not profile.is_remote:
        return SqliteService(root / "catalog.db", warehouse.location)
    from lakehouse._s3 import IO_PROPERTIES  # noqa: PLC0415 the embedded road knows no cloud

    return SqliteService(root / "catalog.db", warehouse.location, IO_PROPERTIES)
