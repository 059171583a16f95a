"""The lease: politeness that saves work. Correctness never rests on it (see `releases`)."""

from __future__ import annotations

import datetime as dt
import os
import socket
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.errors import HeldError, StorageError

_SCHEMA: Final = "create table if not exists lease (one integer primary key check (one = 1), run_id text, holder text, since real, until real)"
_TAKE: Final = """
insert into lease values (1, :run_id, :holder, :since, :until)
on conflict (one) do update set run_id = :run_id, holder = :holder, since = :since, until = :until where lease.until < :since
"""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds the lease, since when and until when (seconds since 1970)."""

    run_id: str
    holder: str
    since: float
    until: float


class Lease(ABC):
    """One holder at a time; a holder that falls silent for `seconds` may be overtaken."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        """Hold the lease for the length of a run, renewing it from a thread.

        Raises:
            HeldError: when another run holds it; the message says who and since when. Also when the run failed after
                another took the lease over, as what it worked on is then no longer as it was.
        """
        self._take(run_id)
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
                self._drop(run_id)

    def is_held_by(self, run_id: str) -> bool:
        """True while `run_id` has not been overtaken; a run that was silent and that nobody overtook holds it still."""
        found = self._found()
        return found is not None and found.run_id == run_id

    def holder(self) -> str | None:
        """The run that holds the lease now, or None."""
        found = self._found()
        return found.run_id if found and found.until >= time.time() else None

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

    @abstractmethod
    def _put(self, wanted: Holding) -> None:
        """Take the lease in one conditional write, if nobody holds it at `wanted.since`."""

    @abstractmethod
    def _found(self) -> Holding | None:
        """Who took it last and did not let go."""

    @abstractmethod
    def _extend(self, run_id: str, until: float) -> None:
        """Move the end, if it is still this run's."""

    @abstractmethod
    def _drop(self, run_id: str) -> None:
        """Let go, if it is still this run's."""


class FileLease(Lease):
    """A row in a SQLite file."""

    def __init__(self, path: Path, *, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self._path = path

    def _put(self, wanted: Holding) -> None:
        values = {
            "run_id": wanted.run_id,
            "holder": wanted.holder,
            "since": wanted.since,
            "until": wanted.until,
        }
        self._execute(_TAKE, values)

    def _found(self) -> Holding | None:
        rows = self._execute("select run_id, holder, since, until from lease", ())
        return Holding(*rows[0]) if rows else None

    def _extend(self, run_id: str, until: float) -> None:
        self._execute("update lease set until = ? where run_id = ?", (until, run_id))

    def _drop(self, run_id: str) -> None:
        self._execute("delete from lease where run_id = ?", (run_id,))

    def _execute(self, sql: str, values: tuple[object, ...] | dict[str, object]) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
                connection.execute(_SCHEMA)
                return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as e:
            raise StorageError(
                f"{self._path} cannot be used ({e}). Free space or mend permissions, then run again."
            ) from e
