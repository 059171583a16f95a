"""Files of other systems → events on the bus, by a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from msgspec import Raw

from contracts.errors import MappingError
from contracts.mapping import MappingFile, Section
from ingestion._drop import Drop
from ingestion.publisher import Publisher

EVENTS_AT_ONCE: Final = 5_000
"""Events published in one transaction."""


@dataclass(frozen=True, slots=True)
class SectionResult:
    """What one section read and published. `rows` are those in its files, `skipped` those its `where` left out."""

    event_type: str
    files: tuple[Path, ...]
    rows: int
    skipped: int
    published: int
    invalid: int


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What an ingest read and published, by section; the totals are over all of them."""

    sections: tuple[SectionResult, ...]

    @property
    def rows(self) -> int:
        """Rows read; a file that two sections read counts twice."""
        return sum(section.rows for section in self.sections)

    @property
    def skipped(self) -> int:
        """Rows that a `where` left out."""
        return sum(section.skipped for section in self.sections)

    @property
    def published(self) -> int:
        """Events published, the invalid ones among them."""
        return sum(section.published for section in self.sections)

    @property
    def invalid(self) -> int:
        """Events published that will end in quarantine."""
        return sum(section.invalid for section in self.sections)


def ingest(files: Sequence[Path], mapping: MappingFile, publisher: Publisher) -> IngestResult:
    """Publish the events that the mapping makes of the files.

    Event ids follow from the files, so the same drop twice adds nothing once curated. Memory is bounded: rows are kept in a
    scratch database, events go out in batches.

    Args:
        files: CSV, Parquet or NDJSON files; each must be read by a section of the mapping.
        mapping: from `load_mapping`.
        publisher: where the events go; invalid ones go too, and end in quarantine.

    Raises:
        MappingError: when a file cannot be read, lacks a column, or is read by no section.
        StorageError: when the event log cannot be written.
    """
    _check(files, mapping)
    shares = [(section, [path for path in files if _reads(section, path)]) for section in mapping.sections]
    return IngestResult(tuple(_ingest(section, share, publisher) for section, share in shares if share))


def _check(files: Iterable[Path], mapping: MappingFile) -> None:
    for path in files:
        if not path.is_file():
            raise MappingError(f"{path} is not there, or no file.")
        if not any(_reads(section, path) for section in mapping.sections):
            patterns = ", ".join(section.file for section in mapping.sections)
            raise MappingError(f"No section of {mapping.path} reads {path.name}; they read: {patterns}.")


def _reads(section: Section, path: Path) -> bool:
    return fnmatchcase(path.name, section.file)


def _ingest(section: Section, files: list[Path], publisher: Publisher) -> SectionResult:
    published = invalid = 0
    with Drop(section, files) as drop:
        rows, taken = drop.count()
        for batch in drop.events(EVENTS_AT_ONCE):
            result = publisher.publish(
                (_details(section, event_id, at, data) for event_id, at, data, _ in batch), on_invalid="send"
            )
            published += result.published
            invalid += result.invalid
    return SectionResult(section.event_type, tuple(files), rows, rows - taken, published, invalid)


def _details(section: Section, event_id: str | None, occurred_at: str | None, data: str) -> dict[str, Any]:
    return {
        "event_type": section.event_type,
        "schema_version": section.version.version,
        "event_id": _raw(event_id),
        "occurred_at": _raw(occurred_at),
        **section.metadata,
        "source": section.source,
        "data": _raw(data),
    }


def _raw(text: str | None) -> Raw:
    return Raw((text or "null").encode())
