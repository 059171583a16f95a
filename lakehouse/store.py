"""The raw store: immutable objects by bus and arrival hour."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from contracts.errors import StorageError


class FileStore:
    """Raw objects as files under one folder. Names are paths with `/`, relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, raw_object: str, data: bytes) -> None:
        """Write an object so that it is there in whole or not at all, also after a power cut.

        Writing the same bytes again is harmless; other bytes under a name that is taken are refused.

        Raises:
            StorageError: when the disk is full, the folder cannot be written, or the name is taken.
        """
        try:
            write_whole(self.root / raw_object, data, exclusive=True)
        except FileExistsError as e:
            if self.read(raw_object) != data:
                raise StorageError(
                    f"Raw object {raw_object} is there already with other bytes, and raw is immutable. Was the event log deleted? "
                    "Move the object to another name, then run again."
                ) from e

    def read(self, raw_object: str) -> bytes:
        """The object's bytes.

        Raises:
            StorageError: when it is gone or cannot be read.
        """
        try:
            return (self.root / raw_object).read_bytes()
        except OSError as e:
            raise StorageError(
                f"Raw object {raw_object} cannot be read ({e.strerror}). Raw is immutable: restore it, then run again."
            ) from e

    def folders(self) -> Iterator[tuple[str, int]]:
        """Folders that hold objects, with their modification times (nanoseconds since 1970).

        A folder's time moves when an object appears in it.
        """
        for folder, _, names in os.walk(self.root):
            if names:
                yield Path(folder).relative_to(self.root).as_posix(), Path(folder).stat().st_mtime_ns

    def list(self, folder: str) -> list[str]:
        """The objects of one folder; a name that begins with a dot is still being written."""
        names = [entry.name for entry in os.scandir(self.root / folder) if entry.is_file()]
        return [name if folder == "." else f"{folder}/{name}" for name in names if not name.startswith(".")]

    def size(self, raw_object: str) -> int:
        """The object's size in bytes, as stored."""
        return (self.root / raw_object).stat().st_size


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
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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
        if exclusive:
            raise
        raise StorageError(
            f"{path} cannot be written: a file is in the way of its folder. Move it, then run again."
        ) from None
    except OSError as e:
        raise StorageError(
            f"{path} cannot be written ({e.strerror}). Free space or mend permissions, then run again."
        ) from e
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
