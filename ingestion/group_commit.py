"""Many callers, one transaction: what comes while the disk is busy shares the next fsync."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from contracts.errors import LakeError
from ingestion.event_log import EventLog

MOST_WAITING: Final = 64 * 1024 * 1024
"""Bytes that may wait for the disk; more are refused before they are taken."""

R = TypeVar("R")

_Call = tuple[Sequence[bytes], asyncio.Future[None]]


class BusyError(LakeError):
    """More waits for the disk than may; nothing was taken, and sending again later is safe."""

    exit_code = 4


class GroupCommit:
    """Appends to the event log for the callers of one event loop. SQLite is used in a thread of its own."""

    def __init__(self, path: Path, *, bus: str, clock: Callable[[], dt.datetime], most_waiting: int) -> None:
        self._path = path
        self._bus = bus
        self._clock = clock
        self._most = most_waiting
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")
        self._calls: list[_Call] = []
        self._waiting = 0
        self._writing: asyncio.Task[None] | None = None
        self.unlanded = 0
        self.problem: str | None = None

    async def start(self) -> None:
        """Open the log.

        Raises:
            StorageError: when it cannot be opened.
        """
        self._log = await self._in_thread(EventLog, self._path)
        self.unlanded = await self._in_thread(self._log.depth)

    async def close(self) -> None:
        """Write what waits, then close the log."""
        if self._writing is not None:
            await self._writing
        await self._in_thread(self._log.close)
        self._thread.shutdown()

    async def append(self, records: Sequence[bytes]) -> None:
        """Append records; they are on the disk when this returns.

        Raises:
            BusyError: when too much waits; nothing was taken.
            StorageError: when the disk is full or fails; none of the records is in the log.
        """
        size = sum(map(len, records))
        if self._waiting and self._waiting + size > self._most:
            raise BusyError("Too much waits for the disk. Send again in a second.")
        call: _Call = records, asyncio.get_running_loop().create_future()
        self._calls.append(call)
        self._waiting += size
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await call[1]

    async def _write(self) -> None:
        """Write until nothing waits."""
        while self._calls:
            calls, self._calls = self._calls, []
            records = [record for of_call, _ in calls for record in of_call]
            problem: Exception | None = None
            try:
                self.unlanded = await self._in_thread(self._commit, records)
            except Exception as e:  # noqa: BLE001 every caller is told, whatever it is
                problem = e
            self._waiting -= sum(map(len, records))
            self.problem = str(problem) if problem else None
            _tell([done for _, done in calls], problem)

    def _commit(self, records: list[bytes]) -> int:
        """Append in one transaction; returns how much waits for the lander."""
        self._log.append(records, bus=self._bus, received_at=self._clock())
        return self._log.depth()

    async def _in_thread(self, call: Callable[..., R], *words: object) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *words)


def _tell(waiting: list[asyncio.Future[None]], problem: Exception | None) -> None:
    for done in waiting:
        if done.cancelled():  # its client went away; the records are in the log all the same
            continue
        if problem is None:
            done.set_result(None)
        else:
            done.set_exception(problem)
