"""`make bench`: goal, figure, met or not.

Every ratio is of two measurements taken in turn in this run; the check beside it is on the very output that was timed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

import duckdb

from bench import again, door, spark
from bench.erasure import erase_one
from bench.figure import Figure
from bench.measure import Measured, lake, measure
from cli import console
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from pipeline.status import status_of

_DAYS = 3
_WORKER_GB = 16.0
"""Memory of a Glue G.1X worker."""


class Bench:
    """Benchmarks in a scratch folder; what was simulated is kept there for the next time."""

    def __init__(self, scratch: Path, *, events: int, rounds: int) -> None:
        self._scratch = scratch
        self._events = events
        self._rounds = rounds

    def curate_against_bare(self, times: int, goal: float) -> Figure:
        """Curate against the hand-written script, on the same raw objects."""
        raw = self._raw(times)
        ours: list[Measured] = []
        bare: list[Measured] = []
        for _ in range(self._rounds):
            out = self.fresh("bare")
            bare.append(measure("-m", "bench.bare", str(raw), str(out)))
            ours.append(self._curate(raw))
        ratio = statistics.median(a.seconds / b.seconds for a, b in zip(ours, bare, strict=True))
        detail = f"{_seconds(ours):.1f} s, bare {_seconds(bare):.1f} s; {self._events * times} events"
        return Figure("curate / bare DuckDB script, wall", goal, ratio, detail, self._same_rows(out))

    def memory(self, times: int) -> Figure:
        """Peak memory at `times` the input against once."""
        one = self._curate(self._raw(1), memory=True)
        many = self._curate(self._raw(times), memory=True)
        detail = f"{many.peak_bytes / 1e6:.0f} MB, at 1× {one.peak_bytes / 1e6:.0f} MB"
        return Figure(
            f"peak memory at {times}× / 1×", 1.3, many.peak_bytes / one.peak_bytes, detail, self._conserved()
        )

    def one_hour(self, hours: int) -> Figure:
        """Curating one new hour after `hours` runs of an hour each, against after one."""
        raw = self._hours(hours + 2)
        home = self.fresh("hours")
        Lake.create(home)
        seconds = [self._next_hour(home, folder) for folder in raw]
        early, late = statistics.median(seconds[1:4]), statistics.median(seconds[-3:])
        detail = f"{late:.2f} s, after one {early:.2f} s (medians of 3)"
        return Figure(
            f"one new hour on {hours}× history / 1×", 1.2, late / early, detail, self._conserved(home)
        )

    def window(self, hours: int) -> list[Figure]:
        """Judging one hour anew on a history of `hours` runs of an hour each."""
        return again.window_on_history(self.fresh("again"), self._hours(hours), hours)

    def erase(self) -> list[Figure]:
        """Erasing one person."""
        return erase_one(self.fresh("erasure"), self._raw(1))

    def _hours(self, count: int) -> list[Path]:
        """Folders of raw of so many hours."""
        found = sorted(self._raw(1).glob("*/*/*"))
        if len(found) < count:
            raise SystemExit(f"The simulation holds {len(found)} hours; {count} are needed.")
        return found[:count]

    def spark(self, times: int) -> list[Figure]:
        """Curate on Spark against a naive Spark job and against one machine, on raw of ten event types."""
        raw = spark.ten_types(self._raw(times), self._scratch / f"ten-types-{self._events}-{times}")
        out, home = self._scratch / "naive", self._scratch / "spark-lake"
        naive, ours = spark.naive(raw, out), spark.ours(raw, home, engine="spark")
        check = spark.same_rows(home, out)
        alone = spark.ours(raw, self._scratch / "lake", engine="duckdb")
        at, inner = f"at {times}×", [spark.printed(each, "seconds") for each in (naive, ours)]
        pairs = [
            ("naive Spark / ours, wall", 3.0, naive.seconds / ours.seconds, f"{naive.seconds:.1f} s, ours {ours.seconds:.1f} s"),
            ("the same without start-up", 3.0, inner[0] / inner[1], f"{inner[0]:.1f} s, ours {inner[1]:.1f} s"),
            ("naive Spark / ours, CPU", 5.0, naive.cpu_seconds / ours.cpu_seconds, f"{naive.cpu_seconds:.0f} s, ours {ours.cpu_seconds:.0f} s"),
        ]  # fmt: skip
        figures = [
            Figure(f"{what}, {at}", goal, ratio, detail, check, at_least=True)
            for what, goal, ratio, detail in pairs
        ]
        figures.append(
            Figure(
                f"raw bytes read / there, {at}",
                1.05,
                spark.read_ratio(ours, raw),
                "by the engine's count",
                check,
            )
        )
        detail = f"{ours.seconds:.1f} s on Spark, {alone.seconds:.1f} s on DuckDB"
        figures.append(
            Figure(
                f"ours on Spark / on DuckDB, {at}",
                float("inf"),
                ours.seconds / alone.seconds,
                detail,
                self._conserved(),
            )
        )
        return figures

    def one_key(self) -> Figure:
        """Peak memory of Spark's driver, heap and Python workers where one key holds half the rows."""
        raw = spark.one_visitor(self._raw(1), self._scratch / f"one-visitor-{self._events}")
        home = self._scratch / "skewed-lake"
        found = spark.derived(raw, home)
        share = f"one visitor has {spark.share_of_one_visitor(home):.0%} of {self._events} events"
        check = f"{share}; {self._conserved(home)}"
        return Figure(
            "GB at the peak of derive on Spark",
            _WORKER_GB,
            found.peak_bytes / 1e9,
            f"{found.seconds:.1f} s",
            check,
        )

    def new_day(self, days: int) -> Figure:
        """Deriving one new day after `days` runs of a day each, against after one."""
        home = self.fresh("days")
        Lake.create(home)
        source = self._simulated_days(days + 2)
        seconds = []
        for folder in sorted({path.parent.parent for path in source.rglob("ingest_hour=*/*.gz")}):
            target = home / "raw" / folder.relative_to(source)
            shutil.copytree(folder, target)
            lake("curate", "--lake", str(home))
            seconds.append(lake("derive", "--lake", str(home)).seconds)
        early, late = statistics.median(seconds[1:4]), statistics.median(seconds[-3:])
        detail = f"{late:.2f} s, after one {early:.2f} s (medians of 3)"
        return Figure(
            f"derive a new day on {days} days / on 1", 1.3, late / early, detail, self._conserved(home)
        )

    def _simulated_days(self, days: int) -> Path:
        home = self._scratch / f"days-{self._events}-{days}"
        if not (home / "done").exists():
            shutil.rmtree(home, ignore_errors=True)
            Lake.create(home)
            sizes = ["--events", str(self._events // 4), "--days", str(days), "--seed", "9"]
            lake("simulate", *sizes, "--lake", str(home))
            (home / "done").touch()
        return home / "raw"

    def _next_hour(self, home: Path, folder: Path) -> float:
        target = home / "raw" / folder.relative_to(folder.parents[2])
        shutil.copytree(folder, target)
        return lake("curate", "--lake", str(home)).seconds

    def _curate(self, raw: Path, *, memory: bool = False) -> Measured:
        home = self.fresh("lake")
        Lake.create(home)
        (home / "raw").symlink_to(raw.resolve(), target_is_directory=True)
        return lake("curate", "--lake", str(home), memory=memory)

    def _raw(self, times: int) -> Path:
        """Raw of so many simulations, one after the other in time; made once and linked together."""
        raw = self._scratch / f"raw-{self._events}-{times}"
        if not raw.exists():
            for seed in range(1, times + 1):
                shutil.copytree(self._simulated(seed), raw, copy_function=os.link, dirs_exist_ok=True)
        return raw

    def _simulated(self, seed: int) -> Path:
        home = self._scratch / f"simulated-{self._events}-{seed}"
        if not (home / "done").exists():
            shutil.rmtree(home, ignore_errors=True)
            Lake.create(home)
            start = dt.date(2026, 1, 1) + dt.timedelta(days=_DAYS * (seed - 1))
            sizes = [
                "--events",
                str(self._events),
                "--days",
                str(_DAYS),
                "--seed",
                str(seed),
                "--start",
                str(start),
            ]
            lake("simulate", *sizes, "--lake", str(home))
            (home / "done").touch()
        return home / "raw"

    def fresh(self, name: str) -> Path:
        """A folder of that name that is not there yet."""
        folder = self._scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _same_rows(self, bare: Path) -> str:
        home = Lake.open(self._scratch / "lake")
        names = [name for name in home.declarations.events if any((bare / name).rglob("*.parquet"))]
        with connect(home, release_of(home)) as connection:
            ours = {
                n: connection.execute(f"select count(*) from curated.{n}").fetchall()[0][0] for n in names
            }
        theirs = {
            n: duckdb.execute(f"select count(*) from '{bare}/{n}/*/*.parquet'").fetchall()[0][0]
            for n in names
        }
        off = [n for n in names if ours[n] != theirs[n]]
        return (
            f"{sum(ours.values())} rows in {len(names)} tables, equal; {self._conserved()}"
            if not off
            else f"DIFFERENT: {off}"
        )

    def _conserved(self, home: Path | None = None) -> str:
        found = status_of(Lake.open(home or self._scratch / "lake"))
        return f"missing {found['missing']}, extra {found['extra']}"


def _seconds(measured: list[Measured]) -> float:
    return statistics.median(m.seconds for m in measured)


def main() -> None:
    """Run the benchmarks and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events at 1×")
    parser.add_argument("--large", type=int, default=4, help="how many times that in the large comparison")
    parser.add_argument("--memory", type=int, default=8, help="how many times that in the memory comparison")
    parser.add_argument("--hours", type=int, default=64, help="runs of history in the one-hour comparison")
    parser.add_argument("--days", type=int, default=64, help="runs of history in the new-day comparison")
    parser.add_argument(
        "--spark", type=int, default=5, help="how many times that in the larger Spark comparison"
    )
    parser.add_argument(
        "--only", type=int, nargs="*", help="numbers of the benchmarks to run, from 1; all without it"
    )
    parser.add_argument("--seconds", type=int, default=10, help="how long each load on the collector lasts")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each timed pair")
    parser.add_argument(
        "--scratch", type=Path, default=Path(".bench"), help="where raw is kept for the next time"
    )
    chosen = parser.parse_args()
    bench = Bench(chosen.scratch.resolve(), events=chosen.events, rounds=chosen.rounds)
    figures: list[Callable[[], list[Figure]]] = [
        lambda: [bench.curate_against_bare(1, 1.7)],
        lambda: [bench.curate_against_bare(chosen.large, 1.3)],
        lambda: [bench.memory(chosen.memory)],
        lambda: [bench.one_hour(chosen.hours)],
        lambda: [bench.new_day(chosen.days)],
        lambda: bench.spark(1),
        lambda: bench.spark(chosen.spark),
        lambda: [bench.one_key()],
        lambda: door.collector(bench.fresh("door"), seconds=chosen.seconds),
        lambda: [door.drop(bench.fresh("drop"), lines=chosen.events)],
        lambda: bench.window(chosen.hours),
        lambda: [again.catch_up(bench.fresh("backlog"), chosen.events // 5)],
        bench.erase,
    ]
    rows = []
    for number, found in enumerate(figures, start=1):
        if chosen.only and number not in chosen.only:
            continue
        for row in (figure.row() for figure in found()):
            rows.append(row)
            console.say(f"{row['what']}: {row['figure']} ({row['']})")
    console.print_rows(rows)


if __name__ == "__main__":
    main()
