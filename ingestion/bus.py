"""A bus of EventBridge for those whose sender sends again what was not accepted: a stream, or a client of the collector."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from contracts.errors import StorageError, UsageError
from ingestion.put_events import Entry, Failure, Sender, Unfit, batches, entry_of, no_such_bus
from ingestion.sink import UnfitError
from lakehouse._aws import has_bus, tries

_NOT_SENT: Final = Failure("passing", "", "It was not sent, as what stood before it was not accepted.")


class Bus:
    """Sends records without an outbox, as a Lambda's disk does not outlive it. One instance serves one thread."""

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        attempts: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is asked of AWS yet.

        Args:
            client: boto3's for EventBridge, of `event_bus_client()`.
            name: the bus's name or ARN.
            attempts: calls made at most for one event, AWS_MAX_ATTEMPTS (6) without it.
            sleep: waits for so many seconds.
        """
        self._client = client
        self._name = name
        self._sender = Sender(client, attempts=attempts or tries(), sleep=sleep)
        self._is_checked = False

    @property
    def calls(self) -> int:
        """How many calls were made to put events."""
        return self._sender.calls

    def check(self) -> None:
        """Ask whether the bus exists, until there is an answer.

        Raises:
            UsageError: when it does not.
        """
        if self._is_checked:
            return
        is_there = has_bus(self._client, self._name)
        if is_there is False:
            raise no_such_bus(self._name, "Make the bus, or name another (a function: in LAKE_BUS).")
        self._is_checked = is_there is not None

    def read(self, records: Sequence[bytes]) -> list[Entry | Unfit]:
        """The records as the bus takes them; nothing is sent yet."""
        return [entry_of(record, self._name) for record in records]

    def send(self, read: Sequence[Entry | Unfit]) -> list[Failure | None]:
        """Send in order; for each, why it was not accepted, or None.

        What follows an entry that may be accepted later is not sent: who sends again begins there, and all after it comes along.
        What never will be accepted holds up nothing.

        Raises:
            UsageError: when the bus does not exist.
        """
        self.check()
        failures = self._failures([each for each in read if isinstance(each, Entry)])
        return [
            failures.get(each) if isinstance(each, Entry) else Failure("unfit", "", each.reason)
            for each in read
        ]

    def _failures(self, entries: Sequence[Entry]) -> dict[Entry, Failure]:
        found: dict[Entry, Failure] = {}
        rest = deque(batches(entries))
        while rest and all(each.fault == "unfit" for each in found.values()):
            found |= self._sender.send(rest.popleft()).failures
        return found | {entry: _NOT_SENT for batch in rest for entry in batch}


class BusSink:
    """The collector's sink where no disk lasts. A request is acknowledged when the bus accepted all of it."""

    unlanded = 0

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bus")
        self.problem: str | None = None

    async def start(self) -> None:
        """See that the bus exists.

        Raises:
            UsageError: when it does not.
        """
        await self._in_thread(self._bus.check)

    async def close(self) -> None:
        """Wait for what is being sent."""
        await asyncio.to_thread(self._thread.shutdown)

    async def append(self, records: Sequence[bytes]) -> None:
        """Send records; the bus accepted all of them when this returns.

        Raises:
            UnfitError: when no bus takes one of them.
            StorageError: when the bus does not accept one of them, now or until somebody mends that; others it may have.
        """
        read = self._bus.read(records)
        _refuse([each.reason for each in read if isinstance(each, Unfit)])
        failures = await self._in_thread(self._failures, read)
        self.problem = next((each.said for each in failures if each.fault != "unfit"), None)
        if self.problem:
            raise StorageError(f"The bus did not accept all: {self.problem}. Send all of it again later.")
        _refuse([each.said for each in failures])

    def _failures(self, read: Sequence[Entry | Unfit]) -> list[Failure]:
        try:
            return [each for each in self._bus.send(read) if each]
        except UsageError as e:  # it was there when this started, or could not be asked
            return [Failure("refused", "", str(e))]

    async def _in_thread(self, call: Callable[..., Any], *words: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *words)


def _refuse(reasons: Sequence[str]) -> None:
    """Raise where there are reasons for which no bus ever takes an event."""
    if reasons:
        more = f" ({len(reasons)} events are so)" if len(reasons) > 1 else ""
        raise UnfitError(f"{reasons[0]}{more} Send the others without it.")
