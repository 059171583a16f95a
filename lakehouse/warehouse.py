"""The warehouse: where the tables' files are, and how those of a lost run are found and deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Warehouse(Protocol):
    """Files of tables, by path or URL as `datafiles.readable` gives them."""

    @property
    def location(self) -> str:
        """Where it is, as a URL: file:// or s3://."""

    def written_by(self, run_id: str) -> list[str]:
        """Data files that a run wrote, by their names.

        Raises:
            StorageError: when the store fails.
        """

    def delete(self, files: Iterable[str]) -> None:
        """Delete files of the warehouse; those that are gone already are no error.

        Raises:
            StorageError: when the store fails.
        """


@dataclass(frozen=True, slots=True)
class FileWarehouse:
    """A folder of this machine."""

    root: Path

    @property
    def location(self) -> str:
        """See `Warehouse`."""
        return self.root.as_uri()

    def written_by(self, run_id: str) -> list[str]:
        """See `Warehouse`."""
        return [str(path) for path in self.root.rglob(f"{run_id}-*.parquet")]

    def delete(self, files: Iterable[str]) -> None:
        """See `Warehouse`."""
        for file in files:
            Path(file).unlink(missing_ok=True)
