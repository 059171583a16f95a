"""One raw object → typed rows per event type, and a row for each rejected record."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import pyarrow as pa

from contracts.declarations import Declarations
from contracts.layout import arrival_hour
from contracts.validation import MAX_RECORD_BYTES, Rejection, Validator, duplicate_key, repeated_key
from transforms.lift import lift
from transforms.plausible import settle_times
from transforms.unpack import Unpacked, Unreadable, unpack
from transforms.values import ValueReader

KEEP_BYTES: Final = 1_048_576
"""Unreadable pieces up to this size are copied into quarantine; larger ones stay in raw only."""

REJECTED: Final = pa.schema(
    [
        ("raw_record", pa.int64()),
        ("stage", pa.string()),
        ("error_type", pa.string()),
        ("error_message", pa.string()),
        ("field", pa.string()),
        ("event_type", pa.string()),
        ("event_id", pa.string()),
        ("record", pa.binary()),
    ]
)
"""Columns of a rejected record, before the run adds where and when."""


@dataclass(slots=True)
class Passed:
    """Records of one event version that passed the gate, as parallel lists."""

    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    extras: dict[int, str] = field(default_factory=dict)

    def keep(self, number: int, line: bytes, payload_hash: int) -> None:
        """Add one record."""
        self.lines.append(line)
        self.numbers.append(number)
        self.hashes.append(payload_hash)

    def drop_repeated_keys(self, event_type: str) -> dict[int, Rejection]:
        """Take out the records in which a key stands twice."""
        keys = {n: repeated_key(line) for n, line in zip(self.numbers, self.lines, strict=True)}
        kept = [i for i, n in enumerate(self.numbers) if keys[n] is None]
        dropped = {n: duplicate_key(key, event_type, None) for n, key in keys.items() if key is not None}
        self.lines = [self.lines[i] for i in kept]
        self.hashes = [self.hashes[i] for i in kept]
        self.numbers = [self.numbers[i] for i in kept]
        return dropped


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came of one object: `records` = rows in `tables` + rows in `rejected`."""

    tables: dict[str, pa.Table]
    rejected: pa.Table
    records: int
    unread_bytes: int
    problem: str | None


class Decoder:
    """Decodes raw objects by the contracts."""

    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self._validator = Validator(declarations)
        self._reader = cache(self._value_reader)
        self._latest = {name: event.latest.version for name, event in declarations.events.items()}

    def decode(self, raw_object: str, data: bytes) -> Decoded:
        """Decode one object. `raw_object` is its path under the raw store, whose arrival hour bounds the envelope times."""
        unpacked = unpack(data)
        passed, rejections = self._gate(unpacked)
        hour = arrival_hour(raw_object)
        tables: dict[str, list[pa.Table]] = defaultdict(list)
        for (event_type, version), records in passed.items():
            values = self._values(event_type, version, records, rejections)
            tables[event_type].append(self._rows(event_type, version, records, values, hour))
        records_found = len(unpacked.records) + len(unpacked.unreadable)
        return Decoded(
            tables={name: pa.concat_tables(parts) for name, parts in tables.items()},
            rejected=_rejected(rejections, unpacked),
            records=records_found,
            unread_bytes=len(unpacked.records[-1]) if _broken_tail(rejections, unpacked) else 0,
            problem=unpacked.problem,
        )

    def _gate(self, unpacked: Unpacked) -> tuple[dict[tuple[str, int], Passed], dict[int, Rejection]]:
        passed: dict[tuple[str, int], Passed] = defaultdict(Passed)
        rejections: dict[int, Rejection] = {}
        read, types, digest, latest = (
            self._validator.read_fast,
            self._validator.types,
            self._validator.payload_hash,
            self._latest,
        )
        homes = {struct: passed[name, latest[name]] for struct, name in types.items()}
        for number, line in enumerate(unpacked.records):
            try:
                record = read(line) if len(line) <= MAX_RECORD_BYTES else None
            except (ValueError, RecursionError):
                record = None
            if record is None:
                self._gate_slowly(number, line, passed, rejections)
                continue
            homes[type(record)].keep(number, line, digest(record))
        return {key: records for key, records in passed.items() if records.lines}, rejections

    def _gate_slowly(
        self,
        number: int,
        line: bytes,
        passed: dict[tuple[str, int], Passed],
        rejections: dict[int, Rejection],
    ) -> None:
        verdict = self._validator.read(line)
        if isinstance(verdict, Rejection):
            rejections[number] = verdict
        else:
            home = passed[verdict.event_type, verdict.version]
            home.keep(number, line, verdict.payload_hash)
            if verdict.extras is not None:
                home.extras[number] = verdict.extras

    def _values(
        self, event_type: str, version: int, passed: Passed, rejections: dict[int, Rejection]
    ) -> pa.Table:
        reader = self._reader(event_type, version)
        try:
            return reader.read(passed.lines)
        except pa.ArrowInvalid:
            rejections.update(passed.drop_repeated_keys(event_type))
            return reader.read_slowly(passed.lines)

    def _rows(
        self, event_type: str, version: int, passed: Passed, values: pa.Table, hour: dt.datetime | None
    ) -> pa.Table:
        event = self._declarations.events[event_type]
        table = settle_times(lift(values, event, version), hour)
        extras = (
            pa.array([passed.extras.get(n) for n in passed.numbers], pa.string()) if passed.extras else None
        )
        table = table.append_column("extras", pa.nulls(len(table), pa.string()) if extras is None else extras)
        table = table.append_column("raw_record", pa.array(passed.numbers, pa.int64()))
        columns = [*_row_columns(self._declarations, event_type), "payload_hash"]
        return table.append_column("payload_hash", pa.array(passed.hashes, pa.int64())).select(columns)

    def _value_reader(self, event_type: str, version: int) -> ValueReader:
        event = self._declarations.events[event_type].version(version)
        if event is None:
            raise AssertionError(f"{event_type} v{version} passed the gate")
        return ValueReader(self._declarations.envelope, event)


def _row_columns(declarations: Declarations, event_type: str) -> list[str]:
    """Columns of the curated table that decoding can fill."""
    by_run = {"raw_object", "run_id", "curated_at"}
    return [f.name for f in declarations.curated[event_type] if f.name not in by_run]


def _broken_tail(rejections: dict[int, Rejection], unpacked: Unpacked) -> bool:
    """True when the object was cut inside its last record."""
    last = rejections.get(len(unpacked.records) - 1)
    return unpacked.truncated and last is not None and last.error_type in {"malformed_json", "invalid_utf8"}


def _rejected(rejections: dict[int, Rejection], unpacked: Unpacked) -> pa.Table:
    rows = [_rejected_record(n, why, unpacked.records[n]) for n, why in sorted(rejections.items())]
    if _broken_tail(rejections, unpacked):
        cut = {"error_type": "truncated_record", "error_message": "The object ends inside this record."}
        rows[-1] = {**rows[-1], **cut}
    first = len(unpacked.records)
    rows += [_unreadable(first + i, piece) for i, piece in enumerate(unpacked.unreadable)]
    return pa.Table.from_pylist(rows, schema=REJECTED)


def _rejected_record(number: int, why: Rejection, record: bytes) -> dict[str, object]:
    return {
        "raw_record": number,
        "stage": "decode",
        "error_type": why.error_type,
        "error_message": why.message,
        "field": why.field,
        "event_type": why.event_type,
        "event_id": why.event_id,
        "record": record,
    }


def _unreadable(number: int, piece: Unreadable) -> dict[str, object]:
    return {
        "raw_record": number,
        "stage": "decode",
        "error_type": piece.error_type,
        "error_message": piece.message,
        "record": piece.data if len(piece.data) <= KEEP_BYTES else None,
    }
