"""Commit points with names, at which a test may kill or stop the process."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

FAILPOINTS: Final[dict[str, str]] = {
    "land.planned": "A landing is decided and recorded; its object is not written.",
    "land.written": "The raw object is written; its rows still stand in the event log.",
    "redrive.read": "Failed deliveries are read; nothing of the batch is noted or in the event log.",
    "redrive.noted": "Within the transaction: the batch is noted as redriven; its records are not in the event log.",
    "redrive.put": "The batch is in the event log and noted; if it came from a queue, it is still there.",
    "redrive.sent": "A bus has accepted events; they are not noted as redriven.",
    "redrive.deleted": "Messages that were redriven are deleted from their queue.",
    "extract.appended": "Within the transaction: a batch of rows is appended; the watermark that covers it is not set.",
    "extract.kept": "A batch of rows and its watermark are in the event log; the next is not read.",
    "curate.planned": "The run knows its objects; nothing is decoded.",
    "curate.decoding": "An object is decoded, in whichever process; its rows are not staged.",
    "curate.decoded": "An object's rows are decoded; no data file is written.",
    "curate.writing": "A table's files are being written, in whichever process.",
    "curate.written": "Data files are written; no branch points to them.",
    "curate.staged": "Some tables are on the run's branch, others are not.",
    "curate.claimed": "Every table is staged and the right to publish is claimed; no main has moved.",
    "curate.publishing": "Some mains have moved, others have not.",
    "curate.published": "Every main has moved; the release record is not written.",
    "curate.released": "The release is written; the run has not tidied up.",
    "reprocess.decoded": "The objects of a slice are decoded, and no lease is held; nothing of it is compared.",
    "reprocess.compared": "What differs is on the run's branches; the right to publish is not claimed.",
    "backfill.published": "A slice is published; it is not noted as done.",
    "erase.begun": "It is in the register what an erasure is about, and none of it is let in any more; nothing is rewritten.",
    "raw.rewritten": "A raw object is rewritten; others are not, and the tables are as before.",
    "retain.rewritten": "Raw is without what was past its retention; the tables are as before.",
    "erase.followed": "Raw and every table are without the person; the proof is not written.",
    "derive.computing": "A lot of keys is computed, in whichever process; nothing of it is written.",
    "derive.derived": "Derived rows are written; no branch points to them.",
    "replay.sent": "A batch is sent again; how far the replay came is not noted.",
    "maintain.compacted": "A table's days are compacted on the run's branch; the right to publish is not claimed.",
    "maintain.decided": "It is noted which snapshots and files go; all of them are there.",
    "maintain.expiring": "Some tables have forgotten their old snapshots, others have not; every file is there.",
    "build.built": "The marts are built; the release before is still in force.",
}
"""Every commit point, with what holds when it is reached."""

_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Say that a commit point is reached.

    Does nothing, unless the environment's LAKE_FAILPOINT is `name`, or `name:N` and this is the Nth time. Then the name
    is appended to the file that LAKE_FAILPOINT_LOG names, and the process kills itself, or stops itself when
    LAKE_FAILPOINT_SIGNAL is STOP. Where the file is there already, somebody was killed, and nobody else is.
    """
    if name not in FAILPOINTS:
        raise AssertionError(f"{name!r} is not in the registry of failpoints")
    wanted = os.environ.get("LAKE_FAILPOINT")
    if wanted is None or wanted.partition(":")[0] != name:
        return
    _reached[name] += 1
    if _reached[name] == int(wanted.partition(":")[2] or 1):
        _stop_here(name)


def _stop_here(name: str) -> None:
    log = os.environ.get("LAKE_FAILPOINT_LOG")
    if log:
        try:
            with open(log, "x", encoding="utf-8") as file:  # noqa: PTH123 nothing to resolve
                file.write(name + "\n")
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return
    stop = os.environ.get("LAKE_FAILPOINT_SIGNAL") == "STOP"
    os.kill(os.getpid(), signal.SIGSTOP if stop else signal.SIGKILL)
