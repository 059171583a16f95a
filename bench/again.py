"""A window judged anew, at the beginning of a history and at its end; and a backlog caught up with, marts included."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import statistics
import sys
from pathlib import Path
from typing import Final

from bench.figure import Figure
from bench.measure import Measured, lake, measure
from contracts.layout import arrival_hour
from lakehouse.lake import Lake
from pipeline.reprocess import reprocess
from pipeline.status import status_of
from pipeline.window import Window

_HOUR: Final = dt.timedelta(hours=1)
_EVENTS_A_SECOND: Final = 100
"""Of the shop whose backlog is caught up with."""
_ROUNDS: Final = 3


def window_on_history(home: Path, folders: list[Path], hours: int) -> list[Figure]:
    """Judging one hour anew after `hours` runs of an hour each, against after three; and the bytes that it reads."""
    Lake.create(home)
    hour = _take(home, folders[1])
    for folder in (folders[0], folders[2]):
        _take(home, folder)
    early = [_judged(home, hour) for _ in range(_ROUNDS)]
    for folder in folders[3:hours]:
        _take(home, folder)
    late = [_judged(home, hour) for _ in range(_ROUNDS)]
    seconds = [statistics.median(_printed(each, "seconds") for each in side) for side in (early, late)]
    read = _printed(late[-1], "bytes_read") / sum(each.stat().st_size for each in folders[1].glob("*.gz"))
    check = f"{_printed(late[-1], 'releases'):.0f} releases, as no rule changed; {_conserved(home)}"
    detail = f"{seconds[1]:.2f} s, after three hours {seconds[0]:.2f} s (medians of {_ROUNDS})"
    return [
        Figure(f"an hour judged anew on {hours}× history / 1×", 1.2, seconds[1] / seconds[0], detail, check),
        Figure("raw bytes read by it / there", 1.05, read, "by the engine's count", check),
    ]


def catch_up(home: Path, events: int) -> Figure:
    """A backlog of so many events, in one `lake run`, against the time in which a shop makes them."""
    Lake.create(home)
    lake("simulate", "--events", str(events), "--days", "4", "--seed", "3", "--lake", str(home))
    ran = lake("run", "--lake", str(home))
    backlog = 96 * 3600 * _EVENTS_A_SECOND
    return Figure(
        f"catch-up with marts, times real time of {_EVENTS_A_SECOND} events/s", 4.0,
        events / ran.seconds / _EVENTS_A_SECOND, f"{ran.seconds:.1f} s for {events} events, {backlog / events:.0f} times fewer than 96 hours have",
        _conserved(home), at_least=True,
    )  # fmt: skip


def _take(home: Path, folder: Path) -> dt.datetime:
    """Put an hour of raw into the lake and curate it; returns the hour."""
    name = folder.relative_to(folder.parents[2])
    shutil.copytree(folder, home / "raw" / name)
    lake("curate", "--lake", str(home))
    hour = arrival_hour(f"{name.as_posix()}/")
    if hour is None:
        raise AssertionError(f"{name} is no folder of an hour")
    return hour


def _judged(home: Path, hour: dt.datetime) -> Measured:
    return measure("-m", "bench.again", str(home), hour.isoformat())


def _printed(measured: Measured, name: str) -> float:
    if name == "seconds":
        return measured.seconds
    return float(json.loads(measured.output.splitlines()[-1])[name])


def _conserved(home: Path) -> str:
    found = status_of(Lake.open(home))
    return f"missing {found['missing']}, extra {found['extra']}"


def main(home: str, hour: str) -> None:
    """Judge an hour of a lake anew, and print what that took."""
    start = dt.datetime.fromisoformat(hour)
    result = reprocess(Lake.open(Path(home)), Window(start, start + _HOUR))
    sys.stdout.write(json.dumps({"bytes_read": result.bytes_read, "releases": len(result.releases)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
