"""Events of other producers → records of our contracts, by the mappings that contracts declare."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa
from msgspec import Raw

from contracts.accepted import Accepted
from contracts.declarations import Declarations
from contracts.errors import MappingError
from contracts.json_text import joined, repeated_key
from contracts.mapping import Section
from contracts.targets import Expression
from contracts.validation import Rejection
from lakehouse.mapping_sql import DROP, events_query, plain
from lakehouse.mappings import check_expressions

_COLUMNS: Final = {
    "id": "record->>'$.id'",
    "source": "record->>'$.source'",
    "detail_type": "record->>'$.\"detail-type\"'",
    "account": "record->>'$.account'",
    "time": "record->>'$.time'",
    "region": "record->>'$.region'",
    "resources": "record->'$.resources'",
    "detail": "record->'$.detail'",
}
_OF_DOCUMENTS: Final = ("payload", "topic", "item")
_ROWS: Final = f"select _row, {', '.join(f'{sql} as {name}' for name, sql in _COLUMNS.items())} from (select _row, record::json as record from lines)"

_envelope = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode

Made = bytes | Rejection
"""A record of ours, or why there is none."""


class ForeignReader:
    """Makes records of ours from records of other producers; nothing can be read from outside by an expression.

    Expressions see the envelope, and of a document that a source sent `payload`, `topic` and `item`.
    """

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": 1, "enable_external_access": False})
        connection.execute("set timezone = 'UTC'")
        return connection

    def __init__(self) -> None:
        self._queries: dict[str, str] = {}

    def read(self, accepted: Sequence[Accepted], records: Sequence[bytes]) -> list[Made]:
        """For each record, what it becomes by the first mapping whose `where` holds.

        Args:
            accepted: what contracts accept all of the records.
            records: JSON, each a whole envelope.

        Raises:
            MappingError: when an expression of a mapping does not fit an envelope.
        """
        keys = [repeated_key(record) for record in records]
        made: list[Made | None] = [
            Rejection("duplicate_key", f"Key {key!r} stands twice in one object.") if key else None
            for key in keys
        ]
        for each in accepted:
            left = [number for number, found in enumerate(made) if found is None]
            if left:
                self._apply(each, records, left, made)
        return [found or _unmatched(accepted) for found in made]

    def check(self, accepted: Accepted) -> None:
        """See that every expression fits an envelope.

        Raises:
            MappingError: naming file and line of the first that does not.
        """
        check_expressions(accepted.section)
        self._load(accepted, [b"{}"], [0])
        self._query(accepted)

    def _apply(
        self, accepted: Accepted, records: Sequence[bytes], left: list[int], made: list[Made | None]
    ) -> None:
        """Fill in what becomes of the records in `left` by one mapping; together, or one by one where that fails."""
        section = accepted.section
        try:
            self._load(accepted, records, left)
            found = self._connection.execute(self._query(accepted)).fetchall()
        except duckdb.Error as e:
            if len(left) == 1:
                made[left[0]] = _unmappable(section, e)
                return
            for number in left:
                self._apply(accepted, records, [number], made)
            return
        for event_id, occurred_at, data, number in found:
            made[number] = _spliced(records[number], section, event_id, occurred_at, data)

    def _load(self, accepted: Accepted, records: Sequence[bytes], numbers: list[int]) -> None:
        lines = pa.table({"_row": numbers, "record": [records[number].decode() for number in numbers]})
        self._connection.register("lines", lines)
        document = [f"({accepted.payload})::json as payload", f"({accepted.topic})::varchar as topic"]
        if accepted.section.each:  # elsewhere it would hide the item of a list within the document
            document.append("detail->'item' as item")
        self._connection.execute(
            f"create or replace temp table {DROP} as select *, {', '.join(document)} from ({_ROWS})"
        )

    def _query(self, accepted: Accepted) -> str:
        if accepted.place not in self._queries:
            if accepted.section.where:
                self._bind(accepted.section.where, False)
            self._queries[accepted.place] = events_query(accepted.section, self._bind, buckets=1, bucket=0)
        return self._queries[accepted.place]

    def _bind(self, value: Expression, _grouped: bool) -> str:  # noqa: FBT001 a callback
        query = f"describe select ({value.sql}\n) from (select *, 1 as _line from {DROP})"
        try:
            (row,) = self._connection.execute(query).fetchall()
        except duckdb.Error as e:
            raise MappingError(
                f"{value.place}: {plain(e)}. Columns are: {', '.join((*_COLUMNS, *_OF_DOCUMENTS))}."
            ) from e
        return str(row[1])


def check_accepted(declarations: Declarations) -> None:
    """See that the mappings of all contracts can be carried out.

    Raises:
        MappingError: naming file and line of the first that cannot.
    """
    reader = ForeignReader()
    for each in declarations.accepted:
        reader.check(each)


def _spliced(
    record: bytes, section: Section, event_id: str | None, occurred_at: str | None, data: str
) -> bytes:
    """The record with our type, metadata and data in the place of theirs."""
    metadata: dict[str, Any] = {
        "event_type": section.event_type,
        "schema_version": section.version.version,
        "event_id": Raw((event_id or "null").encode()),
        "occurred_at": Raw((occurred_at or "null").encode()),
        **section.metadata,
    }
    detail = Raw(joined(_encode({"metadata": metadata}), data.encode()))
    return _encode(_envelope(record) | {"detail-type": section.event_type, "detail": detail})


def _unmatched(accepted: Sequence[Accepted]) -> Rejection:
    types = ", ".join(dict.fromkeys(each.section.event_type for each in accepted))
    return Rejection(
        "unknown_event_type", f"No mapping takes it: `where` holds for none of {types}.", "$.detail"
    )


def _unmappable(section: Section, error: duckdb.Error) -> Rejection:
    return Rejection(
        "unmappable",
        f"The mapping of {section.event_type} fails on it: {plain(error)}.",
        "$.detail",
        section.event_type,
    )
