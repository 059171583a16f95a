"""S3 for DuckDB, through Arrow: DuckDB's own extension for it would have to be downloaded.

DuckDB asks for ranges of a file, so it reads the columns and row groups of a query and no more.
"""

from __future__ import annotations

import datetime as dt
import threading
from functools import lru_cache
from typing import Any, Final

from fsspec import AbstractFileSystem
from pyarrow import NativeFile

from lakehouse._aws import told
from lakehouse._s3 import SCHEME, arrow_filesystem

_LONG_AGO: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class S3Files(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The part of fsspec that DuckDB calls; files are read only, and never change under their names."""

    protocol = "s3"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._opened = lru_cache(maxsize=4096)(_open)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The path: files are named, never searched for."""
        return [path]

    def open(self, path: str, mode: str = "rb", **_: Any) -> _Cursor:
        """A cursor on the file; the file itself is opened once."""
        if mode != "rb":
            raise PermissionError(f"{path} is read only")
        return _Cursor(path, self._opened(path))

    def size(self, path: str) -> int:
        """The file's size in bytes."""
        return int(self._opened(path).size())

    def modified(self, path: str) -> dt.datetime:  # noqa: ARG002 the same for all
        """One moment for every file, so that DuckDB keeps what it read of it."""
        return _LONG_AGO


class _Cursor:
    """A position of its own for each thread: DuckDB seeks and reads in two steps, and lets threads share a file."""

    def __init__(self, path: str, file: NativeFile) -> None:
        self._path = path
        self._file = file
        self._at = threading.local()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move this thread's position; `whence` is 0."""
        if whence != 0:
            raise ValueError("Only positions from the start are known.")
        self._at.offset = offset
        return offset

    def tell(self) -> int:
        """This thread's position."""
        return getattr(self._at, "offset", 0)

    def read(self, length: int) -> bytes:
        """Bytes from this thread's position on."""
        start = self.tell()
        with told(self._path):
            data: bytes = self._file.read_at(length, start)
        self._at.offset = start + len(data)
        return data

    def close(self) -> None:
        """Nothing: the file stays open for others."""


def _open(path: str) -> NativeFile:
    with told(path):
        return arrow_filesystem().open_input_file(path.removeprefix(SCHEME))
