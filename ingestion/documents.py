"""Documents of a source → records for raw: what was sent, once for each event it becomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import duckdb
import msgspec
import pyarrow as pa
from msgspec import Raw

from contracts.declarations import Declarations
from contracts.errors import MappingError
from contracts.json_text import one_line
from contracts.mapping import Section
from contracts.sources import Source
from contracts.targets import Expression
from ingestion.envelopes import new_id
from lakehouse.mapping_sql import plain, taken_rows
from lakehouse.mappings import check_expressions, check_one_expression

_COLUMNS: Final = "payload, topic"

_decode = msgspec.json.Decoder(Raw).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON value as its source sent it, and what the source calls its kind."""

    payload: bytes
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a batch: records for raw, documents left out knowingly, and those that no section takes.

    The latter are among the records too, and end in quarantine.
    """

    documents: int
    records: list[bytes]
    ignored: int
    unmatched: int


_Match: TypeAlias = tuple[int, str, str | None]
"""A document's number, the event type it becomes, and the item of it that does."""


class Intake:
    """Takes a source's documents in. One instance serves one thread; nothing can be read from outside by an expression."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._connection = duckdb.connect(config={"threads": 1, "enable_external_access": False})
        self._connection.execute("set timezone = 'UTC'")

    def take(self, documents: Sequence[Document], now: dt.datetime) -> Received:
        """Make records for raw of documents that came `now`; one that is no JSON is a record as it is."""
        reasons = [why_no_json(each.payload) for each in documents]
        broken = [each.payload for each, why in zip(documents, reasons, strict=True) if why is not None]
        split = self._split([each for each, why in zip(documents, reasons, strict=True) if why is None])
        self._load(split)
        ignored = self._ignored()
        made = [match for match in self._matches() if match[0] not in ignored]
        unmatched = set(range(len(split))) - ignored - {number for number, _, _ in made}
        made += [(number, split[number].topic or self._source.name, None) for number in unmatched]
        made.sort(key=lambda match: match[0])
        records = [self._record(split[number], name, item, now) for number, name, item in made]
        return Received(
            documents=len(split) + len(broken),
            records=[*map(one_line, broken), *records],
            ignored=len(ignored),
            unmatched=len(unmatched) + len(broken),
        )

    def check(self) -> None:
        """See that every expression the door carries out fits a document.

        Raises:
            MappingError: naming file and line of the first that does not.
        """
        self._load([Document(b"{}")])
        source = self._source
        for each in (e for e in (source.split, source.ignore) if e):
            check_one_expression(each)
            self._check(each)
        for section in source.sections:
            check_expressions(section)
            for each in section.choice:
                self._check(each)

    def _check(self, value: Expression) -> None:
        try:
            self._connection.execute(f"describe select ({value.sql}\n) from documents")
        except duckdb.Error as e:
            raise MappingError(
                f"{value.place}: {plain(e)}. At the door, columns are: {_COLUMNS}; what is of each event goes into its fields."
            ) from e

    def _split(self, documents: Sequence[Document]) -> list[Document]:
        """The documents, or those in their lists."""
        split = self._source.split
        if split is None:
            return list(documents)
        self._load(documents)
        items = f"coalesce(try_cast(({split.sql}\n) as json[]), [payload])"
        found = self._connection.execute(
            f"select unnest({items})::varchar, topic from documents order by _row"
        )
        return [Document(payload.encode(), topic) for payload, topic in found.fetchall()]

    def _load(self, documents: Sequence[Document]) -> None:
        rows = {
            "_row": pa.array(range(len(documents)), pa.int64()),
            "payload": pa.array([each.payload.decode() for each in documents], pa.string()),
            "topic": pa.array([each.topic for each in documents], pa.string()),
        }
        self._connection.register("sent", pa.table(rows))
        self._connection.execute(
            "create or replace temp table documents as select _row, try_cast(payload as json) as payload, topic from sent"
        )

    def _ignored(self) -> set[int]:
        """Numbers of the documents that are knowingly left out; where the condition fails, it does not hold."""
        if self._source.ignore is None:
            return set()
        query = f"select _row from documents where try(({self._source.ignore.sql}\n))"
        return {number for (number,) in self._connection.execute(query).fetchall()}

    def _matches(self) -> Iterator[_Match]:
        for section in self._source.sections:
            yield from ((number, section.event_type, item) for number, item in self._chosen(section))

    def _chosen(self, section: Section) -> list[tuple[int, str | None]]:
        """What of the documents becomes an event by the section; where that fails, curate says why, so it is chosen."""
        item = f"unnest(try_cast(({section.each.sql}\n) as json[]))::varchar" if section.each else "null"
        query = f"select _row, {item} from documents where {taken_rows(section)}"
        try:
            return self._connection.execute(query).fetchall()
        except duckdb.Error:
            return list(self._one_by_one(query))

    def _one_by_one(self, query: str) -> Iterator[tuple[int, str | None]]:
        for (number,) in self._connection.execute("select _row from documents").fetchall():
            try:
                yield from self._connection.execute(f"{query} and _row = {number}").fetchall()
            except duckdb.Error:
                yield number, None

    def _record(self, document: Document, detail_type: str, item: str | None, now: dt.datetime) -> bytes:
        detail: dict[str, object] = {"topic": document.topic} if document.topic else {}
        detail["payload"] = Raw(one_line(document.payload))
        if item is not None:
            detail["item"] = Raw(item.encode())
        envelope = {"version": "0", "id": new_id(), "detail-type": detail_type}
        return _encode({**envelope, "source": self._source.name, "time": now, "detail": detail})


def check_sources(declarations: Declarations) -> None:
    """See that the doors of all sources can open.

    Raises:
        MappingError: naming file and line of the first that cannot.
    """
    for source in declarations.sources.values():
        if source.reads == "documents":
            Intake(source).check()


def why_no_json(payload: bytes) -> str | None:
    """Why a payload is no JSON, or None where it is."""
    try:
        payload.decode()
        _decode(payload)
    except (ValueError, RecursionError) as e:
        return str(e)
    return None
