"""Releases: one small record `{table: snapshot}` each, written last. They are what readers see.

Publishing has one point of decision. A run that has staged its tables *claims* the next number by a conditional write; of two
runs that saw the same release, one wins. A claim holds all that is needed to finish, so whoever finds one unfinished
moves the tables and writes the release, also for a run that died. Nothing else is a lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from contracts.errors import HeldError, UsageError
from lakehouse.store import write_whole


class Move(msgspec.Struct, frozen=True):
    """Where a table's main goes: from snapshot to snapshot."""

    before: int | None
    after: int


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A consistent cut through the lake.

    `tables` maps every table to its snapshot; `moves` are the ones this release moved; `changes` lists for each moved table
    the partitions (ISO dates) that differ from the release before; `derived` and `built` are the newest releases whose events the
    derived tables, and whose tables the marts, reflect.
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


class Releases:
    """The releases of a lake, as files named by number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._claims = folder / "claims"

    def latest(self) -> Release | None:
        """The newest complete release, or None in a new lake."""
        numbers = self._numbers(self._folder)
        return self.get(max(numbers)) if numbers else None

    def get(self, number: int) -> Release:
        """The release of that number.

        Raises:
            UsageError: when there is none.
        """
        path = self._path(self._folder, number)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Release)
        except FileNotFoundError as e:
            raise UsageError(f"There is no release {number}. `lake status` names the newest.") from e

    def since(self, number: int) -> Iterator[Release]:
        """Releases after `number`, oldest first."""
        for found in sorted(self._numbers(self._folder)):
            if found > number:
                yield self.get(found)

    def unfinished(self) -> Release | None:
        """A claim whose release is not written yet, or None."""
        claims = self._numbers(self._claims)
        if not claims or self._path(self._folder, max(claims)).exists():
            return None
        return msgspec.json.decode(self._path(self._claims, max(claims)).read_bytes(), type=Release)

    def claim(self, release: Release) -> None:
        """Claim the number: the point at which a run is decided.

        Raises:
            HeldError: when another run claimed it first.
        """
        try:
            write_whole(
                self._path(self._claims, release.number), msgspec.json.encode(release), exclusive=True
            )
        except FileExistsError as e:
            raise HeldError(
                f"Another run published release {release.number} first; nothing of run {release.run_id} was. Run again."
            ) from e

    def complete(self, release: Release) -> None:
        """Write the release of a claim whose tables have moved. Again is harmless."""
        write_whole(self._path(self._folder, release.number), msgspec.json.encode(release))

    def _path(self, folder: Path, number: int) -> Path:
        return folder / f"{number:010d}.json"

    def _numbers(self, folder: Path) -> list[int]:
        return [int(path.stem) for path in folder.glob("[0-9]*.json")]
