"""Tables of a live database → records in the event log, by a source; how far was read is kept with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from contracts.errors import UsageError
from contracts.extracts import Extract
from contracts.layout import DEFAULT_BUS
from contracts.sources import Source
from contracts.targets import nearest
from ingestion.documents import Document, Intake
from ingestion.event_log import EventLog, Watermark
from ingestion.postgres import Row, Snapshot, snapshot
from ingestion.publisher import utc_now
from lakehouse.failpoints import reach


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one table held that is new, and what became of it.

    `unmarked` are those of the rows that have no watermark. `gone_back_to` is the greatest watermark there is, where that is older
    than what was read before.
    """

    table: str
    watermark_before: str | None
    watermark_after: str | None
    rows: int = 0
    published: int = 0
    ignored: int = 0
    unmatched: int = 0
    unmarked: int = 0
    gone_back_to: str | None = None


@dataclass(frozen=True, slots=True)
class _Start:
    """Where the reading of a table begins: after a watermark of a type, or at its first row."""

    extract: Extract
    kind: str
    before: str | None


def extract(
    source: Source,
    url: str,
    log: EventLog,
    *,
    again: Collection[str] = (),
    dry_run: bool = False,
    bus: str = DEFAULT_BUS,
    clock: Callable[[], dt.datetime] = utc_now,
) -> list[Extracted]:
    """Put the rows that are new or changed into the log, as raw records of their source; all tables as of one moment.

    Every batch of rows and the watermark that covers it are kept in one transaction, so a run that is broken off loses nothing. Rows
    within the overlap come again; they add nothing once curated, as event ids follow from the rows.

    Args:
        source: one that declares extracts.
        url: the database's address; its role needs SELECT only.
        log: where the records and watermarks go.
        again: tables that are read from their first row.
        dry_run: read and count, and keep nothing.
        bus: the bus they come by.
        clock: when a batch came.

    Raises:
        UsageError: when the declaration does not fit the database, or the database lets nobody in.
        StorageError: when the database is lost, or the event log cannot be written; what was read before is kept.
    """
    _check(source, again)
    with snapshot(url) as database:
        starts = [_start(each, database, source, log, again) for each in source.extracts]
        reading = _Reading(source, database, log, dry_run=dry_run, bus=bus, clock=clock)
        return [reading.read(start) for start in starts]


def _check(source: Source, again: Iterable[str]) -> None:
    if not source.extracts:
        raise UsageError(
            f"{source.name} declares no tables to extract. Give it an 'extract', or see `lake sources`."
        )
    tables = [each.table for each in source.extracts]
    for name in again:
        if name not in tables:
            raise UsageError(f"{source.name} has no table {name!r}{nearest(name, tables)}")


def _start(
    declared: Extract, database: Snapshot, source: Source, log: EventLog, again: Collection[str]
) -> _Start:
    """Where to begin with a table; that it can be read is seen before anything is."""
    kind = database.watermark_type(declared)
    known = None if declared.table in again else log.watermark(source.name, declared.table)
    if known is not None and known.type != kind:
        raise UsageError(
            f"{declared.watermark} of {declared.table} is {kind} now and was {known.type}, so what is new cannot be told. "
            f"Once the declaration fits, read it from its first row: --again {declared.table}"
        )
    return _Start(declared, kind, known.value if known else None)


class _Reading:
    """Reads tables of one source, batch by batch."""

    def __init__(
        self,
        source: Source,
        database: Snapshot,
        log: EventLog,
        *,
        dry_run: bool,
        bus: str,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._source, self._database, self._log = source, database, log
        self._dry_run, self._bus, self._clock = dry_run, bus, clock
        self._intake = Intake(source)

    def read(self, start: _Start) -> Extracted:
        """Read what is new of one table."""
        declared, before = start.extract, start.before
        done = Extracted(declared.table, watermark_before=before, watermark_after=before)
        for batch in self._database.unmarked(declared):
            done = self._take(start, batch, done)
        done = replace(done, unmarked=done.rows)
        for batch in self._database.batches(declared, start.kind, before):
            done = self._take(start, batch, done)
        if before is None or done.rows > done.unmarked:
            return done
        return replace(done, gone_back_to=self._database.gone_back_to(declared, start.kind, before))

    def _take(self, start: _Start, batch: list[Row], done: Extracted) -> Extracted:
        now = self._clock()
        table = start.extract.table
        taken = self._intake.take([Document(row.document, table) for row in batch], now)
        after = batch[-1].watermark
        if not self._dry_run:
            mark = Watermark(self._source.name, table, after, start.kind) if after is not None else None
            self._log.append_extracted(taken.records, mark, bus=self._bus, received_at=now)
            reach("extract.kept")
        return replace(
            done,
            watermark_after=done.watermark_after if after is None else after,
            rows=done.rows + len(batch),
            published=done.published + len(taken.records),
            ignored=done.ignored + taken.ignored,
            unmatched=done.unmatched + taken.unmatched,
        )
