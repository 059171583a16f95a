"""A snapshot of a PostgreSQL database, which is only read: rows as JSON documents, in the order of their watermarks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from contracts.errors import LakeError, StorageError, UsageError
from contracts.extracts import Extract
from contracts.targets import identifier
from ingestion._postgres_values import load_as_json

ROWS_AT_ONCE: Final = 1_000
"""Rows that are in memory at a time, and are kept in one transaction of the event log."""

_TYPES: Final = {
    20: "bigint",
    21: "bigint",
    23: "bigint",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
}
"""What a watermark may be, by PostgreSQL's numbers of types."""
_NOW: Final = {"date": "now()::date", "timestamp": "now()::timestamp", "timestamptz": "now()"}
_SESSION: Final = (
    "set local timezone = 'UTC'",
    "set local datestyle = 'ISO, YMD'",
    "set local intervalstyle = 'iso_8601'",
    "set local bytea_output = 'hex'",
)
_OPTIONS: Final = {"connect_timeout": "10", "keepalives_idle": "30", "client_encoding": "utf8"}
_REFUSED: Final = re.compile("FATAL|no password supplied|connection option")
_BUSY: Final = re.compile("too many|connection slots|starting up|shutting down|recovery")
_OURS: Final = ("0A", "21", "22", "25", "2F", "3F", "42", "P0")
"""Classes of errors that come again when run again: what is declared, or granted, does not fit the database."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Row:
    """A row as a JSON document, and the watermark once it is read: never beyond the database's now, nor below the one before."""

    document: bytes
    watermark: str | None


class Snapshot:
    """One state of a database, as it was when the snapshot was taken."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def watermark_type(self, extract: Extract) -> str:
        """What the extract's watermark is: bigint, date, timestamp or timestamptz.

        Raises:
            UsageError: when the table or a column is not there, may not be read, or is no watermark.
        """
        columns = (extract.watermark, *extract.key)
        wanted = ", ".join(self._column(name) for name in columns)
        with _told(extract):
            result = self._execute(f"select {wanted} from {self._rows_of(extract)} limit 0")
            described: Any = result.cursor.description
            number = described[0].type_code
            name = self._connection.scalar(sa.select(sa.func.format_type(number, None)))
        found = _TYPES.get(number)
        if found is None:
            what = f"{extract.place}: {extract.watermark} of {extract.table} is {name}, which is no watermark"
            raise UsageError(f"{what}. Choose a time, a date or a whole number, or cast it in a 'query'.")
        if (found == "bigint") != isinstance(extract.overlap, int):
            fitting = "a number" if found == "bigint" else "a time, such as 5 minutes"
            raise UsageError(
                f"{extract.place}: {extract.watermark} of {extract.table} is {name}, so 'overlap' is {fitting}."
            )
        return found

    def batches(self, extract: Extract, kind: str, before: str | None) -> Iterator[list[Row]]:
        """The rows from a watermark on, less the overlap, in the order of their watermarks; all of them without one.

        Raises:
            UsageError: when the query fails on its own account.
            StorageError: when the database is lost.
        """
        mark, key = self._column(extract.watermark), map(self._column, extract.key)
        capped = f"least({mark}, {_NOW[kind]})" if kind in _NOW else mark
        newer = f"where {mark} >= {self._least(kind)}" if before is not None else f"where {mark} is not null"
        yield from self._batches(
            extract,
            f"select t.*, cast(greatest({capped}, cast(:before as {kind})) as text) from {self._rows_of(extract)} "
            f"{newer} order by {', '.join((mark, *key))}",
            _parameters(extract, before),
        )

    def unmarked(self, extract: Extract) -> Iterator[list[Row]]:
        """The rows without a watermark, of which nobody can say whether they are new."""
        condition = f"{self._column(extract.watermark)} is null"
        yield from self._batches(
            extract, f"select t.*, null from {self._rows_of(extract)} where {condition}", {}
        )

    def gone_back_to(self, extract: Extract, kind: str, before: str) -> str | None:
        """The greatest watermark there is, where it is older than the one before, less the overlap."""
        greatest = f"max({self._column(extract.watermark)})"
        query = f"select cast({greatest} as text) from {self._rows_of(extract)} having {greatest} < {self._least(kind)}"
        with _told(extract):
            return self._execute(query, _parameters(extract, before)).scalar()

    def _batches(self, extract: Extract, query: str, parameters: dict[str, Any]) -> Iterator[list[Row]]:
        with _told(extract):
            result = self._execute(query, parameters, yield_per=ROWS_AT_ONCE)
            names = list(result.keys())[:-1]
            for rows in result.partitions(ROWS_AT_ONCE):
                yield [Row(_encode(dict(zip(names, row[:-1], strict=True))), row[-1]) for row in rows]

    def _execute(
        self, query: str, parameters: dict[str, Any] | None = None, **options: Any
    ) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(query), parameters or {}, execution_options=options)

    def _column(self, name: str) -> str:
        return f"t.{_literal(identifier(name))}"

    def _rows_of(self, extract: Extract) -> str:
        if extract.query:
            return f"({_literal(extract.query)}\n) as t"
        return f"{'.'.join(_literal(identifier(part)) for part in extract.table.split('.', 1))} as t"

    def _least(self, kind: str) -> str:
        overlap = ":overlap" if kind == "bigint" else "cast(:overlap as interval)"
        return f"cast(:before as {kind}) - {overlap}"


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """One state of the database at an address such as `postgresql://reader:secret@host/name`; nothing can be written to it.

    Raises:
        UsageError: when the address is none, or the database refuses user or password.
        StorageError: when the database is out of reach.
    """
    address = _address(url)
    engine = sa.create_engine(address, poolclass=sa.NullPool, hide_parameters=True).execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    with _connected(engine, address) as connection, connection.begin():
        load_as_json(_driver_connection(connection))
        for statement in _SESSION:
            connection.exec_driver_sql(statement)
        yield Snapshot(connection)


@contextmanager
def _connected(engine: sa.Engine, address: sa.URL) -> Iterator[sa.Connection]:
    try:
        connection = engine.connect()
    except DBAPIError as e:
        raise _no_connection(address, e) from None  # what the driver says may hold the password
    with connection:
        yield connection


def _driver_connection(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


def _address(text: str) -> sa.URL:
    try:
        url = sa.make_url(text.strip())
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername.partition("+")[0] not in {"postgresql", "postgres"}:
        raise UsageError(
            "This is no address of a PostgreSQL database. Write postgresql://user:password@host:5432/name, with %40 for @, "
            "%3A for : and %2F for / within user or password."
        )
    options = {name: value for name, value in _OPTIONS.items() if name not in url.query}
    return url.set(drivername="postgresql+psycopg").update_query_dict(options)


def _no_connection(address: sa.URL, error: DBAPIError) -> LakeError:
    lines = str(error.orig).strip().splitlines()
    said = lines[0] if lines else type(error.orig).__name__
    for secret in (address.password, address.query.get("password")):
        said = said.replace(str(secret), "***") if secret else said
    if _REFUSED.search(said) and not _BUSY.search(said):
        return UsageError(
            f"The database lets nobody in by this address ({said}). Mend user, password or name."
        )
    return StorageError(
        f"The database is out of reach ({said}). Check host, port and network, then run again."
    )


@contextmanager
def _told(extract: Extract) -> Iterator[None]:
    try:
        yield
    except DBAPIError as e:
        raise _error(extract, e) from e
    except UnicodeDecodeError as e:
        what = f"{extract.place}: {extract.table} holds text that is not in the database's encoding"
        raise UsageError(f"{what}. Mend it there, or leave the column out with a 'query'.") from e


def _error(extract: Extract, error: DBAPIError) -> LakeError:
    """In our words; the database's own may hold values of rows, but not where they are about names."""
    code = getattr(error.orig, "sqlstate", None) or ""
    diag = getattr(error.orig, "diag", None)
    said = diag.message_primary if diag and code.startswith("42") else type(error.orig).__name__
    if code.startswith(_OURS):
        what = f"{extract.place}: {extract.table} cannot be read ({said})"
        return UsageError(f"{what}. Mend the declaration, or have the role granted SELECT.")
    kept = "What was read is kept; run again, and the rest comes"
    return StorageError(f"The database was lost while {extract.table} was read ({said}). {kept}.")


def _parameters(extract: Extract, before: str | None) -> dict[str, Any]:
    overlap = extract.overlap
    if isinstance(overlap, dt.timedelta):
        return {"before": before, "overlap": f"{overlap.total_seconds():.0f} seconds"}
    return {"before": before, "overlap": overlap}


def _literal(sql: str) -> str:
    """Text within a statement that holds no parameters."""
    return sql.replace(":", "\\:")
