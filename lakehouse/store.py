"""The raw store: immutable objects by bus and arrival hour."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from contracts.errors import StorageError

_SETTLED: Final = 2_000_000_000
"""Nanoseconds after which a folder's time is trusted: clocks of file systems tick coarsely."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of raw objects.

    `mark` is a number that is another one once an object appeared in the folder; 0 where that cannot be relied on yet.
    `objects` gives sizes in bytes, as stored, by name.
    """

    name: str
    mark: int
    objects: dict[str, int]


class Store(Protocol):
    """Raw objects. Names are paths with `/`, relative to the store. Survives pickling."""

    @property
    def location(self) -> str:
        """A folder's path, or the URL of a prefix; an object is at `{location}/{name}`."""

    def write(self, raw_object: str, data: bytes) -> None:
        """Write an object so that it is there in whole or not at all, also after a power cut.

        Writing the same bytes again is harmless; other bytes under a name that is taken are refused.

        Raises:
            StorageError: when the store cannot be written, or the name is taken.
        """

    def replace(self, raw_object: str, data: bytes) -> None:
        """Put other bytes in the place of an object's. For privacy erasure alone, which records it: raw is immutable to all else.

        Raises:
            StorageError: when the store cannot be written.
        """

    def read(self, raw_object: str) -> bytes:
        """The object's bytes.

        Raises:
            StorageError: when it is gone or cannot be read.
        """

    def names(self) -> Iterator[str]:
        """Every object there is."""

    def changed(self, remembered: Mapping[str, int]) -> Iterator[Folder]:
        """Folders whose mark is not the one remembered; names of objects that are still being written are left out."""


@dataclass(frozen=True, slots=True)
class FileStore:
    """Raw objects as files under one folder."""

    root: Path

    @property
    def location(self) -> str:
        """See `Store`."""
        return str(self.root)

    def write(self, raw_object: str, data: bytes) -> None:
        """See `Store`."""
        try:
            write_whole(self.root / raw_object, data, exclusive=True)
        except FileExistsError as e:
            if self.read(raw_object) != data:
                raise taken(raw_object) from e

    def replace(self, raw_object: str, data: bytes) -> None:
        """See `Store`."""
        write_whole(self.root / raw_object, data)

    def read(self, raw_object: str) -> bytes:
        """See `Store`."""
        try:
            return (self.root / raw_object).read_bytes()
        except OSError as e:
            raise unreadable(raw_object, str(e.strerror)) from e

    def names(self) -> Iterator[str]:
        """See `Store`."""
        for folder in self._folders():
            yield from self._sizes(folder)

    def changed(self, remembered: Mapping[str, int]) -> Iterator[Folder]:
        """See `Store`. The mark is the folder's time, which moves when an object appears: other folders are not looked into."""
        # as of this listing, since an object that comes later in the same tick moves no time
        settled = time.time_ns() - _SETTLED
        for folder in self._folders():
            modified = (self.root / folder).stat().st_mtime_ns
            if remembered.get(folder) != modified:
                yield Folder(folder, modified if modified < settled else 0, self._sizes(folder))

    def _folders(self) -> Iterator[str]:
        for folder, _, names in os.walk(self.root):
            if names:
                yield Path(folder).relative_to(self.root).as_posix()

    def _sizes(self, folder: str) -> dict[str, int]:
        prefix = "" if folder == "." else f"{folder}/"
        found = (entry for entry in os.scandir(self.root / folder) if entry.is_file())
        return {
            f"{prefix}{entry.name}": entry.stat().st_size for entry in found if not entry.name.startswith(".")
        }


def taken(raw_object: str) -> StorageError:
    """The error for a name that other bytes have."""
    return StorageError(
        f"Raw object {raw_object} is there already with other bytes, and raw is immutable. Was the event log deleted? "
        "Move the object to another name, then run again."
    )


def unreadable(raw_object: str, why: str) -> StorageError:
    """The error for an object that is gone or cannot be read."""
    return StorageError(
        f"Raw object {raw_object} cannot be read ({why}). Raw is immutable: restore it, then run again."
    )


def write_whole(path: Path, data: bytes, *, exclusive: bool = False) -> None:
    """Write a file atomically and durably.

    Args:
        path: where; folders are made as needed.
        data: what.
        exclusive: refuse when the file is there already. This is the conditional write that decides races.

    Raises:
        FileExistsError: when `exclusive` and the file is there.
        StorageError: when the disk is full or the folder cannot be written.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.{threading.get_native_id()}.tmp"
    try:
        _make_folder(path.parent)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if exclusive:
            os.link(temporary, path)
        else:
            temporary.replace(path)
        _sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as e:
        raise StorageError(
            f"{path} cannot be written ({e.strerror}). Free space or mend permissions, then run again."
        ) from e
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise StorageError(
            f"{folder} cannot be made: a file is in its way. Move it, then run again."
        ) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
