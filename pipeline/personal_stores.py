"""Stores beside raw and the tables that may hold personal data: what an erasure has to reach besides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from contracts.errors import UsageError
from contracts.subjects import ERASED, IDENTIFIERS, Identifier
from ingestion.outbox import Outbox
from lakehouse.lake import Lake
from transforms.anonymise import Anonymiser


class PersonalStore(Protocol):
    """A store that holds personal data, by whatever an erasure names."""

    @property
    def name(self) -> str:
        """What proofs call it."""

    def erase(self, identifiers: Sequence[Identifier], anonymiser: Anonymiser) -> int:
        """Take a person out; returns how many records went or changed. Doing it again changes nothing."""

    def hits(self, identifiers: Sequence[Identifier]) -> int:
        """In how many records an identifier of the person stands."""


def stores_of(lake: Lake) -> list[PersonalStore]:
    """The stores that are registered.

    Raises:
        UsageError: when one is not there, so that nobody is told of an erasure that did not reach it.
    """
    named = [Path(lake.root / each) for each in lake.profile.outboxes]
    if missing := [str(path) for path in named if not path.is_file()]:
        raise UsageError(
            f"Outbox {missing[0]} is not there, and an erasure has to reach it. Mount it, or take it out of `outboxes` in lake.toml."
        )
    own = [lake.outbox_path] if lake.outbox_path.is_file() else []
    return [OutboxStore(path) for path in [*own, *named]]


class OutboxStore:
    """The outbox of a producer: records that no bus has taken yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """See `PersonalStore`."""
        return f"outbox {self._path}"

    def erase(self, identifiers: Sequence[Identifier], anonymiser: Anonymiser) -> int:
        """See `PersonalStore`."""
        tokens = _tokens(identifiers)

        def rewritten(record: bytes) -> bytes | None:
            return _without(record, identifiers, anonymiser) if _names(record, tokens) else record

        with Outbox(self._path) as outbox:
            return outbox.rewrite(rewritten)

    def hits(self, identifiers: Sequence[Identifier]) -> int:
        """See `PersonalStore`."""
        tokens = _tokens(identifiers)
        with Outbox(self._path) as outbox:
            return sum(_names(each, tokens) for each in outbox.records())


def _tokens(identifiers: Iterable[Identifier]) -> list[bytes]:
    return [b'"' + each.value.encode() + b'"' for each in identifiers]


def _names(record: bytes, tokens: Iterable[bytes]) -> bool:
    return any(token in record for token in tokens)


def _without(record: bytes, identifiers: Sequence[Identifier], anonymiser: Anonymiser) -> bytes | None:
    """A record without the person; None where nothing of it may stay."""
    event_type = _type_of_person(record, identifiers)
    after = anonymiser.without_name(record) if event_type is None else anonymiser.erased(record, event_type)
    return None if after == ERASED else after


def _type_of_person(record: bytes, identifiers: Iterable[Identifier]) -> str | None:
    """The event type of a record of the person; None where it is another's, or cannot be read."""
    try:
        found: Any = msgspec.json.decode(record)
        detail, event_type = found["detail"], str(found["detail-type"])
        is_theirs = any(detail.get(IDENTIFIERS[each.kind]) == each.value for each in identifiers)
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return None
    return event_type if is_theirs else None
