from __future__ import annotations

import datetime as dt
import json
import resource
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_bus import PASSING, FakeBus, answered

from contracts.errors import StorageError, UsageError
from ingestion.event_bridge import drain
from ingestion.outbox import Counts, Outbox, Unsent

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "deep" / "outbox.db") as opened:
        yield opened


def record(number: int) -> bytes:
    detail = {"metadata": {"event_id": f"e{number}"}}
    return json.dumps({"source": "shop", "detail-type": "x", "detail": detail}).encode()


def keep(outbox: Outbox, first: int, last: int, bus: str = "commerce") -> None:
    outbox.keep([Unsent(record(i), "busy") for i in range(first, last)], bus=bus, kept_at=NOW)


def drained(outbox: Outbox, client: FakeBus, **more: Any) -> Any:
    return drain(outbox, client, attempts=3, sleep=lambda _: None, **more)


def ids(entries: list[dict[str, Any]]) -> list[str]:
    return [json.loads(entry["Detail"])["metadata"]["event_id"] for entry in entries]


def test_what_was_kept_is_there_for_another_process_in_its_order(outbox: Outbox) -> None:
    keep(outbox, 0, 3)
    with Outbox(outbox.path) as other:
        found = other.waiting(most=10)
    assert [each.record for each in found] == [record(i) for i in range(3)]
    assert (found[0].bus, found[0].kept_at, found[0].reason) == ("commerce", NOW, "busy")


def test_the_outbox_is_durable_by_its_settings(outbox: Outbox) -> None:
    with sqlite3.connect(outbox.path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # noqa: SLF001 a setting of the connection
    other.close()


def test_a_full_disk_keeps_none_of_a_batch_and_says_so(outbox: Outbox) -> None:
    keep(outbox, 0, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(StorageError, match=r"Outbox .* cannot be used"):
            outbox.keep([Unsent(b"x" * 1000, "busy")] * 1000, bus="commerce", kept_at=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert outbox.counts() == Counts(1, 0)


def test_a_drain_sends_in_order_and_leaves_nothing(outbox: Outbox) -> None:
    keep(outbox, 0, 25)
    bus = FakeBus()
    result = drained(outbox, bus)
    assert ids(bus.accepted) == [f"e{i}" for i in range(25)]
    assert (result.sent, result.waiting, result.calls, result.problem) == (25, 0, 3, None)
    assert outbox.counts() == Counts(0, 0)


def test_an_event_leaves_the_outbox_only_after_it_was_accepted(outbox: Outbox) -> None:
    keep(outbox, 0, 25)
    bus = FakeBus([None, PASSING[0], {2: "InternalFailure"}])
    left: list[int] = []
    bus.watch = lambda: left.append(outbox.counts().waiting)
    drained(outbox, bus)
    assert left == [25, 15, 15, 15, 5]


def test_a_drain_of_nothing_makes_no_call(outbox: Outbox) -> None:
    bus = FakeBus()
    assert drained(outbox, bus).calls == 0
    assert bus.calls == []


def test_a_bus_that_is_down_ends_the_drain_and_keeps_the_rest(outbox: Outbox) -> None:
    keep(outbox, 0, 50)
    bus = FakeBus([None, *[PASSING[5]] * 3])
    result = drained(outbox, bus)
    assert (result.sent, result.waiting, result.calls) == (10, 40, 4)
    assert "ReadTimeoutError" in result.problem
    assert [each.record for each in outbox.waiting(most=100)] == [record(i) for i in range(10, 50)]


def test_an_entry_that_always_fails_does_not_block_those_behind_it(outbox: Outbox) -> None:
    keep(outbox, 0, 25)
    result = drained(outbox, FakeBus([{0: "Unheard"}] * 3))
    assert (result.sent, result.waiting, result.calls) == (24, 1, 5)
    assert result.problem == "Unheard: It said so"
    assert outbox.waiting(most=10)[0].reason == "Unheard: It said so"


def test_what_no_bus_takes_is_marked_and_passed_over(outbox: Outbox) -> None:
    outbox.keep([Unsent(b"nothing", "busy")], bus="commerce", kept_at=NOW)
    keep(outbox, 0, 12)
    bus = FakeBus([{1: "InvalidArgument"}])
    result = drained(outbox, bus)
    assert (result.sent, result.waiting, result.undeliverable, result.problem) == (11, 0, 2, None)
    assert [each.reason[:8] for each in outbox.kept(most=9)] == ["No bus t", "InvalidA"]
    assert drained(outbox, bus).calls == 0


def test_a_refusal_is_raised_and_keeps_the_events(outbox: Outbox) -> None:
    keep(outbox, 0, 25)
    with pytest.raises(StorageError, match="permissions"):
        drained(outbox, FakeBus([None, answered("AccessDeniedException")]))
    assert outbox.counts() == Counts(15, 0)


def test_events_of_a_bus_that_does_not_exist_stay_and_others_go(outbox: Outbox) -> None:
    keep(outbox, 0, 5, bus="comerce")
    keep(outbox, 5, 9)
    bus = FakeBus()
    with pytest.raises(UsageError, match="no event bus comerce"):
        drained(outbox, bus)
    assert ids(bus.accepted) == ["e5", "e6", "e7", "e8"]
    assert outbox.counts() == Counts(5, 0)


def test_events_may_go_to_another_bus_than_they_were_published_to(outbox: Outbox) -> None:
    keep(outbox, 0, 5, bus="comerce")
    bus = FakeBus()
    assert drained(outbox, bus, bus="commerce").sent == 5
    assert {entry["EventBusName"] for entry in bus.accepted} == {"commerce"}


def test_what_was_sent_leaves_no_trace_in_the_file(outbox: Outbox) -> None:
    keep(outbox, 0, 2000)
    drained(outbox, FakeBus())
    files = [path.read_bytes() for path in outbox.path.parent.iterdir()]
    assert not any(b"event_id" in data for data in files)


DIES = """
import os, sys
from pathlib import Path
from fake_bus import FakeBus
from ingestion.event_bridge import drain
from ingestion.outbox import Outbox
from ingestion.put_events import names_of

class Dying(FakeBus):
    def put_events(self, *, Entries):
        if len(self.calls) == int(sys.argv[3]):
            os._exit(137)
        answer = super().put_events(Entries=Entries)
        with Path(sys.argv[2]).open("a") as log:
            log.writelines(f"{e['Detail']}\\n" for e in Entries)
        if sys.argv[4] == "accepted" and len(self.calls) == int(sys.argv[3]):
            os._exit(137)
        return answer

with Outbox(Path(sys.argv[1])) as outbox:
    drain(outbox, Dying(), sleep=lambda _: None)
"""


@pytest.mark.parametrize(
    ("call", "moment", "twice"), [(0, "asked", 0), (1, "accepted", 10), (2, "asked", 0), (3, "accepted", 5)]
)
def test_a_drain_killed_anywhere_sends_everything_at_least_once(
    outbox: Outbox, tmp_path: Path, call: int, moment: str, twice: int
) -> None:
    """Between acceptance and removal, a batch is sent again; before, nothing is."""
    keep(outbox, 0, 25)
    log = tmp_path / "accepted"
    command = [sys.executable, "-c", DIES, str(outbox.path), str(log), str(call), moment]
    path = {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    assert subprocess.run(command, env=path, check=False).returncode == 137
    bus = FakeBus()
    drained(outbox, bus)
    before = log.read_text("utf-8").splitlines() if log.exists() else []
    times = Counter(ids([{"Detail": line} for line in before] + bus.accepted))
    assert set(times) == {f"e{i}" for i in range(25)}
    assert sum(count - 1 for count in times.values()) == twice
    assert outbox.counts() == Counts(0, 0)
