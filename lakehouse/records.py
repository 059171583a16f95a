"""Records: small whole files with a conditional write. Releases, claims, and what is known of runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from contracts.errors import StorageError
from lakehouse.store import write_whole

_SUFFIX: Final = ".json"


class Records(Protocol):
    """Small JSON files by name, each there in whole or not at all."""

    def below(self, name: str) -> Records:
        """The records of a folder in this one."""

    def read(self, name: str) -> bytes | None:
        """A record's bytes, or None where there is none.

        Raises:
            StorageError: when the store fails.
        """

    def write(self, name: str, data: bytes, *, exclusive: bool = False) -> None:
        """Write a record. `exclusive` is the conditional write that decides races.

        Raises:
            FileExistsError: when `exclusive` and the record is there already with other bytes.
            StorageError: when the store fails; the record may be there all the same.
        """

    def names(self, *, after: str = "", most: int | None = None) -> list[str]:
        """Names of the records behind `after`, in order, at most so many.

        Raises:
            StorageError: when the store fails.
        """

    def delete(self, name: str) -> None:
        """Delete a record; one that is gone already is no error.

        Raises:
            StorageError: when the store fails.
        """


@dataclass(frozen=True, slots=True)
class FileRecords:
    """Records as files of one folder."""

    folder: Path

    def below(self, name: str) -> FileRecords:
        """See `Records`."""
        return FileRecords(self.folder / name)

    def read(self, name: str) -> bytes | None:
        """See `Records`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as e:
            raise StorageError(
                f"{self._path(name)} cannot be read ({e.strerror}). Mend permissions, then run again."
            ) from e

    def write(self, name: str, data: bytes, *, exclusive: bool = False) -> None:
        """See `Records`."""
        write_whole(self._path(name), data, exclusive=exclusive)

    def names(self, *, after: str = "", most: int | None = None) -> list[str]:
        """See `Records`."""
        found = (path.name.removesuffix(_SUFFIX) for path in self.folder.glob(f"[!.]*{_SUFFIX}"))
        return sorted(name for name in found if name > after)[:most]

    def delete(self, name: str) -> None:
        """See `Records`."""
        with suppress(FileNotFoundError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIX}"
