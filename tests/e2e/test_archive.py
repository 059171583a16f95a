"""Replays from an archive: what came back is held against what is curated, in any order, however much of it is there yet."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from holdings import accounts, assert_conserved, holdings
from shop_raw import DAY, HOUR, MONDAY, put, sent

from contracts.errors import StorageError, UsageError
from lakehouse.lake import Lake
from pipeline.archive import TRAILS, ArchiveReplay, follow, reconcile, start_archive_replay
from pipeline.curate import curate

LATER = MONDAY + 2 * DAY
REPLAY = ArchiveReplay("again-1", "arn:archive", MONDAY, MONDAY + HOUR, LATER)


class EventBridge:
    """Keeps what it is asked, and answers as it was told to."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = list(answers)

    def start_replay(self, **request: Any) -> Any:
        self.asked.append(request)
        return {}

    def describe_replay(self, **request: Any) -> Any:
        self.asked.append(request)
        return self._answers.pop(0)


def told(*answers: dict[str, Any]) -> tuple[list[Any], list[float]]:
    """What `follow` tells of such answers, and how long it waits."""
    said: list[Any] = []
    waited: list[float] = []
    follow(EventBridge(*answers), "again-1", lambda *words: said.append(words), waited.append)
    return said, waited


@pytest.fixture
def shop(lake: Lake) -> tuple[Lake, list[dict[str, Any]]]:
    """A lake with ten events of the hour, some outside it, and a rejected one; and those that an archive has of the hour."""
    events = [sent("page_viewed", f"e-{n}", at=MONDAY + n * dt.timedelta(minutes=5)) for n in range(10)]
    rejected = sent("page_viewed", "rejected", page_url=7)
    put(lake, "hour", *events, rejected)
    put(lake, "next", sent("page_viewed", "later", at=MONDAY + HOUR), at=MONDAY + HOUR)
    curate(lake)
    start_archive_replay(lake, EventBridge(), REPLAY, "arn:bus")
    return lake, [*events, rejected]


def put_replayed(lake: Lake, events: list[dict[str, Any]], name: str = "again-1") -> None:
    """What EventBridge replays, as it lands in raw: with the time of the first delivery and the replay's name."""
    put(lake, f"replayed-{len(events)}", *({**each, "replay-name": name} for each in events), at=LATER)


def test_a_replay_is_asked_for_as_eventbridge_has_it(lake: Lake) -> None:
    bridge = EventBridge()
    start_archive_replay(lake, bridge, REPLAY, "arn:bus", ["arn:rule"])
    assert bridge.asked == [
        {
            "ReplayName": "again-1",
            "EventSourceArn": "arn:archive",
            "EventStartTime": MONDAY,
            "EventEndTime": MONDAY + HOUR,
            "Destination": {"Arn": "arn:bus", "FilterArns": ["arn:rule"]},
        }
    ]


def test_a_time_that_the_archive_may_not_have_yet_is_refused(lake: Lake) -> None:
    end = LATER - TRAILS + dt.timedelta(seconds=1)
    bridge = EventBridge()
    with pytest.raises(UsageError, match="trail by 10 minutes"):
        start_archive_replay(lake, bridge, ArchiveReplay("r", "a", MONDAY, end, LATER), "arn:bus")
    assert (bridge.asked, lake.archive_replays.names()) == ([], [])


def test_in_any_order_and_with_the_tail_withheld_it_is_known_what_is_missing(
    shop: tuple[Lake, list[dict[str, Any]]],
) -> None:
    lake, events = shop
    before = holdings(lake)
    assert (reconcile(lake, "again-1").expected, reconcile(lake, "again-1").came) == (10, 0)
    shuffled = random.Random(7).sample(events, len(events))
    put_replayed(lake, shuffled[:7])
    withheld = next(each for each in shuffled[7:] if each is not events[-1])
    put(lake, "of-another", {**withheld, "replay-name": "another"}, at=LATER)
    curate(lake)
    found = reconcile(lake, "again-1")
    ids = {each["detail"]["metadata"]["event_id"] for each in shuffled[:7]} - {"rejected"}
    assert (found.expected, found.came) == (10, len(ids))
    assert set(found.missing) == {f"e-{n}" for n in range(10)} - ids
    put_replayed(lake, shuffled[7:])
    curate(lake)
    found = reconcile(lake, "again-1")
    assert (found.expected, found.came, found.missing, found.others) == (10, 10, (), 1)
    after = holdings(lake)
    assert after["curated.page_viewed"] == before["curated.page_viewed"]
    assert_conserved(lake)
    replayed = [each for name, each in accounts(lake).items() if "/replayed-" in name]
    assert sum(each["duplicates"] for each in replayed) == 10


def test_a_replay_is_followed_to_its_end() -> None:
    at = MONDAY + HOUR / 2
    said, waited = told(
        {"State": "STARTING"},
        {"State": "RUNNING", "EventLastReplayedTime": at},
        {"State": "COMPLETED", "EventLastReplayedTime": MONDAY + HOUR},
    )
    assert said == [("STARTING", None), ("RUNNING", at), ("COMPLETED", MONDAY + HOUR)]
    assert len(waited) == 2


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_one_that_does_not_complete_is_told_with_its_reason(state: str) -> None:
    with pytest.raises(StorageError, match=f"is {state.lower()}: The rule is gone"):
        told({"State": state, "StateReason": "The rule is gone"})


def test_a_replay_that_was_not_started_here_is_not_known(lake: Lake) -> None:
    with pytest.raises(UsageError, match="No replay other was started here"):
        reconcile(lake, "other")
