"""The lease: politeness that saves work. Correctness never rests on it (see `releases`)."""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from contracts.errors import HeldError, StorageError
from lakehouse.records import Records

_LET_GO: Final = 0.0
_PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds the lease, since when and until when (seconds since 1970; 0 once it was let go)."""

    run_id: str
    holder: str
    since: float
    until: float


class Lease:
    """One holder at a time; a holder that falls silent for `seconds` may be overtaken.

    Every taking is a record of its own, under the next number, written where none is; the last one counts, and only
    its holder writes it again. No lock is held at any moment, so a holder that is stopped stands in nobody's way.
    """

    def __init__(self, records: Records, *, seconds: float) -> None:
        self._records = records
        self._seconds = seconds

    @contextmanager
    def hold(self, run_id: str, *, patience: float = 0.0) -> Iterator[None]:
        """Hold the lease for the length of a run, renewing it from a thread.

        Args:
            run_id: the run.
            patience: seconds to wait for another that holds it.

        Raises:
            HeldError: when another run holds it; the message says who and since when. Also when the run failed after
                another took the lease over, as what it worked on is then no longer as it was.
        """
        self._take_patiently(run_id, time.monotonic() + patience)
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(run_id, done), daemon=True)
        thread.start()
        try:
            yield
        except HeldError:
            raise
        except Exception as e:
            if self._was_overtaken(run_id):
                raise HeldError(
                    "This run was silent for longer than its lease and was overtaken; nothing of it was published. Run again."
                ) from e
            raise
        finally:
            done.set()
            thread.join()
            with suppress(StorageError):  # a full disk; the lease then ends by itself
                self._extend(run_id, _LET_GO)

    def is_held_by(self, run_id: str) -> bool:
        """True while `run_id` has not been overtaken; a run that was silent and that nobody overtook holds it still."""
        found = self._found()
        return found is not None and found.run_id == run_id

    def holder(self) -> str | None:
        """The run that holds the lease now, or None."""
        found = self._found()
        return found.run_id if found and found.until >= time.time() else None

    def _take_patiently(self, run_id: str, until: float) -> None:
        while True:
            try:
                return self._take(run_id)
            except HeldError:
                if time.monotonic() >= until:
                    raise
                time.sleep(_PAUSE)

    def _take(self, run_id: str) -> None:
        now = time.time()
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        self._put(Holding(run_id, holder, now, now + self._seconds))
        found = self._found()
        if found is None:  # its holder let go between the two
            self._take(run_id)
        elif found.run_id != run_id:
            began = dt.datetime.fromtimestamp(found.since, dt.UTC)
            raise HeldError(
                f"Run {found.run_id} ({found.holder}) holds the lake since {began:%Y-%m-%d %H:%M:%S}Z. "
                f"Try again when it is done; if it died, its lease ends in {max(0.0, found.until - now):.0f} s."
            )

    def _was_overtaken(self, run_id: str) -> bool:
        try:
            return not self.is_held_by(run_id)
        except StorageError:  # what failed first says more
            return False

    def _renew(self, run_id: str, done: threading.Event) -> None:
        while not done.wait(self._seconds / 4):
            with suppress(StorageError):  # the run itself will meet it, and can say so
                self._extend(run_id, time.time() + self._seconds)

    def _put(self, wanted: Holding) -> None:
        """Take the lease in one conditional write, if nobody holds it at `wanted.since`."""
        number, found = self._last()
        if found is not None and found.until >= wanted.since:
            return
        with suppress(FileExistsError):  # another run was quicker
            self._records.write(_name(number + 1), msgspec.json.encode(wanted), exclusive=True)
            for name in self._records.names():
                if name <= _name(number):
                    self._records.delete(name)

    def _found(self) -> Holding | None:
        """Who took it last and did not let go."""
        _, found = self._last()
        return None if found is None or found.until == _LET_GO else found

    def _last(self) -> tuple[int, Holding | None]:
        names = self._records.names()
        if not names:
            return 0, None
        data = self._records.read(names[-1])
        if data is None:  # a later one has come, and this one was cleared away
            return self._last()
        return int(names[-1]), msgspec.json.decode(data, type=Holding)

    def _extend(self, run_id: str, until: float) -> None:
        """Move the end, if it is still this run's. One that is overtaken meanwhile writes what no longer counts."""
        number, found = self._last()
        if found is not None and found.run_id == run_id:
            self._records.write(_name(number), msgspec.json.encode(replace(found, until=until)))


def _name(number: int) -> str:
    return f"{number:012d}"
