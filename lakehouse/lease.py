"""The lease: politeness that saves work. Correctness never rests on it (see `releases`)."""

from __future__ import annotations

import datetime as dt
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from contracts.errors import HeldError, StorageError

_SCHEMA = "create table if not exists lease (one integer primary key check (one = 1), run_id text, holder text, since real, until real)"
_TAKE = """
insert into lease values (1, :run_id, :holder, :now, :until)
on conflict (one) do update set run_id = :run_id, holder = :holder, since = :now, until = :until where lease.until < :now
"""


class Lease:
    """One holder at a time; a holder that falls silent for `seconds` may be overtaken."""

    def __init__(self, path: Path, *, seconds: float) -> None:
        self._path = path
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
            if not self.is_held_by(run_id):
                raise HeldError(
                    "This run was silent for longer than its lease and was overtaken; nothing of it was published. Run again."
                ) from e
            raise
        finally:
            done.set()
            thread.join()
            with suppress(StorageError):  # a full disk; the lease then ends by itself
                self._execute("delete from lease where run_id = ?", (run_id,))

    def is_held_by(self, run_id: str) -> bool:
        """True while `run_id` has not been overtaken; a run that was silent and that nobody overtook holds it still."""
        return self._execute("select run_id from lease", ()) == [(run_id,)]

    def holder(self) -> str | None:
        """The run that holds the lease now, or None."""
        rows = self._execute("select run_id from lease where until >= ?", (time.time(),))
        return str(rows[0][0]) if rows else None

    def _take(self, run_id: str) -> None:
        now = time.time()
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        self._execute(_TAKE, {"run_id": run_id, "holder": holder, "now": now, "until": now + self._seconds})
        rows = self._execute("select run_id, holder, since, until from lease", ())
        if not rows:  # its holder let go between the two statements
            self._take(run_id)
        elif rows[0][0] != run_id:
            other, who, since, until = rows[0]
            began = dt.datetime.fromtimestamp(since, dt.UTC)
            raise HeldError(
                f"Run {other} ({who}) holds the lake since {began:%Y-%m-%d %H:%M:%S}Z. "
                f"Try again when it is done; if it died, its lease ends in {max(0.0, until - now):.0f} s."
            )

    def _renew(self, run_id: str, done: threading.Event) -> None:
        while not done.wait(self._seconds / 4):
            with suppress(StorageError):  # the run itself will meet it, and can say so
                self._execute(
                    "update lease set until = ? where run_id = ?", (time.time() + self._seconds, run_id)
                )

    def _execute(self, sql: str, values: tuple[object, ...] | dict[str, object]) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
                connection.execute(_SCHEMA)
                return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as e:
            raise StorageError(
                f"{self._path} cannot be used ({e}). Free space or mend permissions, then run again."
            ) from e
