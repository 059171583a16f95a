"""Many callers, one transaction: what comes while the disk is busy shares the next fsync."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.errors import LakeError, StorageError
from ingestion.event_log import EventLog

if TYPE_CHECKING:
    import datetime as dt

MOST_WAITING: Final = 64 * 1024 * 1024
"""Bytes that may wait for the disk; more are refused before they are taken."""


class BusyError(LakeError):
    """More waits for the disk than may; nothing was taken, and sending again later is safe."""

    exit_code = 4


@dataclass(slots=True)
class _Call:
    records: Sequence[bytes]
    size: int
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class GroupCommit:
    """Appends to the event log from a thread of its own."""

    def __init__(
        self, path: Path, *, bus: str, clock: Callable[[], dt.datetime], most_waiting: int = MOST_WAITING
    ) -> None:
        self._path = path
        self._bus = bus
        self._clock = clock
        self._most = most_waiting
        self._calls: list[_Call] = []
        self._waiting = 0
        self._ready = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self.unlanded = 0
        self.problem: str | None = None

    def start(self) -> None:
        """Begin to write.

        Raises:
            StorageError: when the log cannot be opened.
        """
        with EventLog(self._path) as log:
            self.unlanded = log.depth()
        self._thread.start()

    def close(self) -> None:
        """Write what waits, then end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join()

    async def append(self, records: Sequence[bytes]) -> None:
        """Append records; they are on the disk when this returns.

        Raises:
            BusyError: when too much waits; nothing was taken.
            StorageError: when the disk is full or fails; none of the records is in the log.
        """
        size, loop = sum(map(len, records)), asyncio.get_running_loop()
        call = _Call(records, size, loop.create_future(), loop)
        with self._ready:
            if self._waiting and self._waiting + size > self._most:
                raise BusyError("Too much waits for the disk. Send again in a second.")
            self._waiting += size
            self._calls.append(call)
            self._ready.notify()
        await call.done

    def _run(self) -> None:
        with EventLog(self._path) as log:
            while calls := self._next():
                self._commit(log, calls)

    def _next(self) -> list[_Call]:
        """Every call that waits, as soon as there is one; none at the end."""
        with self._ready:
            while not self._calls and not self._closed:
                self._ready.wait()
            calls, self._calls = self._calls, []
            return calls

    def _commit(self, log: EventLog, calls: list[_Call]) -> None:
        problem: StorageError | None = None
        try:
            log.append([r for call in calls for r in call.records], bus=self._bus, received_at=self._clock())
            self.unlanded = log.depth()
        except StorageError as e:
            problem = e
        self.problem = str(problem) if problem else None
        with self._ready:
            self._waiting -= sum(call.size for call in calls)
        for loop in {call.loop for call in calls}:
            loop.call_soon_threadsafe(_settle, [call for call in calls if call.loop is loop], problem)


def _settle(calls: list[_Call], problem: StorageError | None) -> None:
    for call in calls:
        if call.done.cancelled():  # its client went away; the records are in the log all the same
            continue
        if problem is None:
            call.done.set_result(None)
        else:
            call.done.set_exception(problem)
