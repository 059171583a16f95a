"""The register of erasures: requests with their deadlines, legal holds, what is under way, and how the erased are remembered."""

from __future__ import annotations

import datetime as dt
import secrets

import msgspec
from msgspec import Struct

from contracts.errors import UsageError
from contracts.subjects import Erased, Identifier
from lakehouse.records import Records

_KEY = "key"
_SUMMARY = "summary"


class RawChange(Struct, frozen=True):
    """A raw object that an erasure rewrote: SHA-256 of its bytes before and after."""

    raw_object: str
    before: str
    after: str


class Found(Struct, frozen=True):
    """What an erasure under way is about, in the clear, so that it can go on: gone when it is done.

    `records`: numbers of the records to erase, by raw object; to each its event type where it was curated. `mentions`: raw objects
    with records of others that name the person.
    """

    identifiers: tuple[Identifier, ...]
    records: dict[str, dict[int, str | None]]
    mentions: dict[str, list[int]]
    payloads: tuple[int, ...]


class Proof(Struct, frozen=True):
    """When an erasure was done, and what a scan found afterwards, by place.

    `gone_by` says of what is not gone yet when it will be.
    """

    erased_at: dt.datetime
    scanned: dict[str, int]
    hits: int
    gone_by: dict[str, dt.datetime]


class Erasure(Struct, frozen=True):
    """An erasure: its number, when it was asked for and by when it is due; `found` while under way, `proof` once done.

    `subject` is the keyed hash of the identifier that was asked for; `subjects` of all the person's. `rewritten`, `rows`, `releases` and
    `stores` (records that went or changed in stores beside the tables) are what was done so far.
    """

    number: int
    subject: str
    requested_at: dt.datetime
    due_at: dt.datetime
    subjects: tuple[str, ...] = ()
    payloads: tuple[int, ...] = ()
    before: dt.datetime | None = None
    found: Found | None = None
    rewritten: tuple[RawChange, ...] = ()
    rows: dict[str, dict[str, int]] = {}
    releases: tuple[int, ...] = ()
    stores: dict[str, int] = {}
    proof: Proof | None = None


class Hold(Struct, frozen=True):
    """A legal hold: a person, by keyed hash, whose data must be kept for now, and why."""

    subject: str
    reason: str
    since: dt.datetime


class _Summary(Struct, frozen=True):
    """What is remembered of the erasures up to a number, all of which are done."""

    through: int = 0
    subjects: dict[str, dt.datetime] = {}
    payloads: frozenset[int] = frozenset()


class Erasures:
    """Records of erasures by number, of holds by subject, and the key by which persons are remembered."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._holds = records.below("holds")
        self._keys = records.below("key")

    def key(self) -> bytes:
        """The key of the hashes: made once, never rotated, or the erased would be forgotten."""
        if (found := self._keys.read(_KEY)) is None:
            try:
                self._keys.write(_KEY, msgspec.json.encode(secrets.token_bytes(32)), exclusive=True)
            except FileExistsError:
                return self.key()
            found = self._keys.read(_KEY)
        return msgspec.json.decode(found or b'""', type=bytes)

    def all(self, *, after: int = 0) -> list[Erasure]:
        """Every erasure, or those after a number, the oldest first."""
        read = (self._records.read(name) for name in self._records.names(after=_name(after)))
        return [msgspec.json.decode(data, type=Erasure) for data in read if data is not None]

    def add(self, subject: str, requested_at: dt.datetime, due_at: dt.datetime) -> Erasure:
        """Enter a request under the next number."""
        names = self._records.names()
        erasure = Erasure(int(names[-1]) + 1 if names else 1, subject, requested_at, due_at)
        try:
            self._records.write(_name(erasure.number), msgspec.json.encode(erasure), exclusive=True)
        except FileExistsError:  # somebody entered another at this moment
            return self.add(subject, requested_at, due_at)
        return erasure

    def put(self, erasure: Erasure) -> None:
        """Write an erasure as it stands now."""
        self._records.write(_name(erasure.number), msgspec.json.encode(erasure))

    def erased(self) -> Erased | None:
        """Who is not let in again; None where nobody was erased."""
        known = self._summary()
        begun = [each for each in self.all(after=known.through) if each.before is not None]
        if not begun and not known.through:
            return None
        later = {name: each.before for each in begun for name in each.subjects if each.before}
        payloads = {payload for each in begun for payload in each.payloads}
        return Erased(self.key(), {**known.subjects, **later}, frozenset({*known.payloads, *payloads}))

    def summarise(self) -> None:
        """Put what is remembered of the erasures that are done into one record, so that a run need not read each."""
        done = []
        for each in self.all():
            if each.proof is None:
                break
            done.append(each)
        subjects = {name: each.before for each in done for name in each.subjects if each.before}
        payloads = frozenset(payload for each in done for payload in each.payloads)
        summary = _Summary(done[-1].number if done else 0, subjects, payloads)
        self._keys.write(_SUMMARY, msgspec.json.encode(summary))

    def _summary(self) -> _Summary:
        data = self._keys.read(_SUMMARY)
        return _Summary() if data is None else msgspec.json.decode(data, type=_Summary)

    def hash_of(self, identifier: Identifier) -> str:
        """By what an identifier is remembered."""
        return Erased(self.key(), {}, frozenset()).hash_of(identifier.kind, identifier.value)

    def hold(self, identifier: Identifier, reason: str, now: dt.datetime) -> None:
        """Keep a person's data whatever is asked."""
        name = self.hash_of(identifier)
        self._holds.write(name, msgspec.json.encode(Hold(name, reason, now)))

    def release(self, identifier: Identifier) -> bool:
        """End a hold; False where there was none."""
        name = self.hash_of(identifier)
        there = self._holds.read(name) is not None
        self._holds.delete(name)
        return there

    def holds(self) -> list[Hold]:
        """Every hold."""
        read = (self._holds.read(name) for name in self._holds.names())
        return [msgspec.json.decode(data, type=Hold) for data in read if data is not None]

    def refuse_held(self, identifiers: list[Identifier]) -> None:
        """See that nobody has a hold on a person.

        Raises:
            UsageError: when somebody has.
        """
        names = {self.hash_of(each) for each in identifiers}
        if found := next((each for each in self.holds() if each.subject in names), None):
            raise UsageError(
                f"A legal hold since {found.since:%Y-%m-%d} keeps this person's data: {found.reason.rstrip('.')}. "
                "End it first: lake erasures release."
            )


def _name(number: int) -> str:
    return f"{number:08d}"
