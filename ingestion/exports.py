"""Files of documents → records in the event log, by a source."""

from __future__ import annotations

import datetime as dt
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Raw, Struct

from contracts.errors import MappingError
from contracts.layout import DEFAULT_BUS
from contracts.sources import Source
from ingestion.documents import Document, Intake
from ingestion.event_log import EventLog
from ingestion.publisher import utc_now

DOCUMENTS_AT_ONCE: Final = 5_000
"""Documents taken in by one transaction."""


class _Topical(Struct, forbid_unknown_fields=True):
    """A document and its topic, where its source has topics."""

    topic: str
    payload: Raw


_decode = msgspec.json.Decoder(Raw).decode
_decode_topical = msgspec.json.Decoder(_Topical).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


@dataclass(frozen=True, slots=True)
class Exported:
    """What a source's files held: documents, records put into the log, and documents left out or matched by nothing."""

    documents: int
    published: int
    ignored: int
    unmatched: int


def ingest_documents(
    files: Sequence[Path],
    source: Source,
    log: EventLog,
    *,
    bus: str = DEFAULT_BUS,
    clock: Callable[[], dt.datetime] = utc_now,
) -> Exported:
    """Put the documents in files into the log, as raw records of their source.

    A file holds a document a line, one document, or one list of documents; `.gz` is unpacked. Where documents have topics, by a
    header of a webhook or the table they are from, one may be written `{"topic": …, "payload": …}`. The same file twice adds
    nothing once curated, as event ids follow from the documents.

    Raises:
        MappingError: when a file cannot be read; what was before it is published, and doing it again adds nothing.
        StorageError: when the event log cannot be written.
    """
    intake = Intake(source)
    counts = [0, 0, 0, 0]
    payloads = chain.from_iterable(map(_payloads, files))
    document = _topical if source.has_topics else Document
    while batch := [document(payload) for payload in islice(payloads, DOCUMENTS_AT_ONCE)]:
        now = clock()
        taken = intake.take(batch, now)
        log.append(taken.records, bus=bus, received_at=now)
        found = (taken.documents, len(taken.records), taken.ignored, taken.unmatched)
        counts = [a + b for a, b in zip(counts, found, strict=True)]
    return Exported(*counts)


def _topical(text: bytes) -> Document:
    try:
        found = _decode_topical(text)
    except ValueError:
        return Document(text)
    return Document(bytes(found.payload), found.topic)


def _payloads(path: Path) -> Iterator[bytes]:
    try:
        with _opened(path) as file:
            first = file.readline()
            if _is_whole(first):
                yield from (line for line in chain([first], file) if line.strip())
            else:
                yield from _whole(first + file.read())
    except (OSError, EOFError, zlib.error) as e:
        raise MappingError(f"{path} cannot be read ({e}). Mend it, then ingest it again.") from e


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _is_whole(line: bytes) -> bool:
    """Whether the line is a document of its own; a line with a list is one file's list."""
    try:
        return not bytes(_decode(line)).lstrip().startswith(b"[")
    except ValueError:
        return False


def _whole(text: bytes) -> list[bytes]:
    """The documents of a text that is not one document a line: those of a list, or the text itself."""
    if not text.strip():
        return []
    try:
        return [bytes(each) for each in _decode_list(text)]
    except ValueError:
        return [text]
