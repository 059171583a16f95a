"""Connections to DuckDB that read the lake's files, wherever they are: the text of a query is the same on every store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import duckdb

from contracts.errors import StorageError

_REMOTE: Final = "s3://"
_TOLD: Final = re.compile(r"\bStorageError: (.*)")
"""DuckDB passes on an error of ours as text only."""


@contextmanager
def open_duckdb(reads: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that can read what `reads` names: a file or what files are in, by path or URL, or a query over files.

    Raises:
        StorageError: when a file could not be read.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; set threads = 2")
        attach_store(connection, reads)
        try:
            yield connection
        except duckdb.Error as e:
            told = storage_error(e)
            if told is None:
                raise
            raise told from e


def attach_store(connection: Any, reads: str) -> None:
    """Let a connection of somebody else's read what `reads` names."""
    if _REMOTE in reads:
        from lakehouse._duckdb_s3 import S3Files  # noqa: PLC0415 fsspec is loaded where it is needed

        connection.register_filesystem(S3Files())


def storage_error(error: duckdb.Error) -> StorageError | None:
    """What the store said, where an error of DuckDB's comes from it."""
    found = _TOLD.search(str(error))
    return StorageError(found[1]) if found else None
