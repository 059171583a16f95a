"""Where the collector puts what it takes in: the event log of this machine, or a bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from contracts.errors import UsageError


class UnfitError(UsageError):
    """A record that this sink can never keep, whoever sends it again; nothing is acknowledged."""


class Sink(Protocol):
    """Keeps records for good, for the callers of one event loop."""

    @property
    def unlanded(self) -> int:
        """How many records wait for the lander; 0 where nobody lands."""

    @property
    def problem(self) -> str | None:
        """Why the last records were not kept, or None where they were."""

    async def start(self) -> None:
        """Open it.

        Raises:
            StorageError: when it cannot be opened.
            UsageError: when it does not exist.
        """

    async def close(self) -> None:
        """Keep what waits, then close it."""

    async def append(self, records: Sequence[bytes]) -> None:
        """Keep records; all of them are safe when this returns.

        Raises:
            BusyError: when too much waits; nothing was kept.
            UnfitError: when one can never be kept.
            StorageError: when they cannot be kept now. Some may have been: their event ids make sending them again harmless.
        """
