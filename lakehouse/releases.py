"""Releases: one small record `{table: snapshot}` each, written last. They are what readers see.

Publishing has one point of decision. A run that has staged its tables *claims* the next number by a conditional write; of two
runs that saw the same release, one wins. A claim holds all that is needed to finish, so whoever finds one unfinished
moves the tables and writes the release, also for a run that died. Nothing else is a lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from contracts.errors import HeldError, UsageError
from lakehouse.records import Records

_PAGE: Final = 1000
"""Names that an object store lists in one request."""


class Move(msgspec.Struct, frozen=True):
    """Where a table's main goes: from snapshot to snapshot."""

    before: int | None
    after: int


class Work(msgspec.Struct, frozen=True):
    """What a run took: bytes of raw as stored, and seconds."""

    raw_bytes: int
    seconds: float


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A consistent cut through the lake.

    `tables` maps every table to its snapshot; `moves` are the ones this release moved; `changes` lists for each moved table
    the partitions (ISO dates) that differ from the release before; `derived` and `built` are the newest releases whose events the
    derived tables, and whose tables the marts, reflect. Of an undo, `restores` is the release whose rows it brought back (0: the
    empty lake); `unlisted` is the newest undo: what was remembered of listing raw before it is void, as the ledger lost objects.
    `work` is what a run that read raw took, from which others are estimated.
    """

    number: int
    run_id: str
    verb: str
    created_at: str
    tables: dict[str, int] = {}
    moves: dict[str, Move] = {}
    changes: dict[str, list[str]] = {}
    discarded: list[str] = []
    derived: int = 0
    built: int = 0
    restores: int | None = None
    unlisted: int = 0
    work: Work | None = None


class Releases:
    """The releases of a lake, as records named by number."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._claims = records.below("claims")

    def latest(self) -> Release | None:
        """The newest complete release, or None in a new lake."""
        newest = _newest(self._records)
        return self.get(newest) if newest else None

    def get(self, number: int) -> Release:
        """The release of that number.

        Raises:
            UsageError: when there is none.
        """
        found = self.find(number)
        if found is None:
            raise UsageError(f"There is no release {number}. `lake status` names the newest.")
        return found

    def find(self, number: int) -> Release | None:
        """The release of that number, or None."""
        data = self._records.read(_name(number))
        return msgspec.json.decode(data, type=Release) if data is not None else None

    def since(self, number: int) -> Iterator[Release]:
        """Releases after `number`, oldest first."""
        for name in self._records.names(after=_name(number)):
            yield self.get(int(name))

    def unfinished(self) -> Release | None:
        """A claim whose release is not written yet, or None."""
        newest = _newest(self._claims)
        claim = self._claims.read(_name(newest)) if newest else None
        if claim is None or self._records.read(_name(newest)) is not None:
            return None
        return msgspec.json.decode(claim, type=Release)

    def claim(self, release: Release) -> None:
        """Claim the number: the point at which a run is decided.

        Raises:
            HeldError: when another run claimed it first.
            StorageError: when the store failed; the claim may stand all the same.
        """
        try:
            self._claims.write(_name(release.number), msgspec.json.encode(release), exclusive=True)
        except FileExistsError as e:
            raise HeldError(
                f"Another run published release {release.number} first; nothing of run {release.run_id} was. Run again."
            ) from e

    def complete(self, release: Release) -> None:
        """Write the release of a claim whose tables have moved. Again is harmless."""
        self._records.write(_name(release.number), msgspec.json.encode(release))


def _name(number: int) -> str:
    return f"{number:010d}"


def _newest(records: Records) -> int:
    """The greatest number, or 0; numbers have no gaps, so many are leapt over rather than listed."""
    newest, leap = 0, 0
    while True:
        names = records.names(after=_name(newest + leap), most=_PAGE)
        if 0 < len(names) < _PAGE:
            return int(names[-1])
        if names:
            newest, leap = int(names[-1]), 2 * leap or _PAGE
        elif leap == 0:
            return newest
        else:
            leap //= 4
