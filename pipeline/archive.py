"""EventBridge's own replays: one started from an archive, followed to its end, and held against what came back.

An archive keeps no order, may trail by ten minutes, and replays into the bus that it belongs to, where events carry its name.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from contracts.errors import StorageError, UsageError
from contracts.layout import arrival_hour, curated_table
from lakehouse._aws import told
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from transforms.unpack import unpack

TRAILS: Final = dt.timedelta(minutes=10)
"""How long after an event its archive may lack it. Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""

_ENDED: Final = frozenset({"COMPLETED", "CANCELLED", "FAILED"})
_PAUSE: Final = 15.0
_HOUR: Final = dt.timedelta(hours=1)
_MARK: Final = re.compile(rb'"replay-name"\s*:\s*"([^"]*)"')


class Events(Protocol):
    """EventBridge, as boto3's client `events` is."""

    def start_replay(self, **request: Any) -> Any:
        """Start one."""

    def describe_replay(self, **request: Any) -> Any:
        """How far one is."""


class ArchiveReplay(msgspec.Struct, frozen=True):
    """A replay from an archive: its name, of what the bus took in from `start` until before `end` (UTC, with zone), and when it was started."""

    name: str
    archive: str
    start: dt.datetime
    end: dt.datetime
    started_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Curated events of the time replayed, how many of them came back, and ids of some that did not. `others` came back and are not curated."""

    expected: int
    came: int
    missing: tuple[str, ...]
    others: int


def start_archive_replay(
    lake: Lake, events: Events, replay: ArchiveReplay, bus: str, rules: Sequence[str] = ()
) -> None:
    """Start a replay, and note it.

    Args:
        lake: what the replay is held against later.
        events: EventBridge.
        replay: which.
        bus: ARN of the bus; it has to be the archive's own.
        rules: ARNs of the rules that get the events; all of the bus without.

    Raises:
        UsageError: when the time ends too late for the archive to have all of it.
        StorageError: when EventBridge refuses, or cannot be reached.
    """
    if replay.end > replay.started_at - TRAILS:
        raise UsageError(
            f"An archive may trail by {TRAILS.seconds // 60} minutes: end at {replay.started_at - TRAILS:%Y-%m-%dT%H:%M}Z or before."
        )
    destination = {"Arn": bus, **({"FilterArns": list(rules)} if rules else {})}
    with told(f"Archive {replay.archive}"):
        events.start_replay(
            ReplayName=replay.name, EventSourceArn=replay.archive, EventStartTime=replay.start,
            EventEndTime=replay.end, Destination=destination,
        )  # fmt: skip
    lake.archive_replays.write(replay.name, msgspec.json.encode(replay))


def follow(
    events: Events,
    name: str,
    told_of: Callable[[str, dt.datetime | None], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until a replay has ended.

    Args:
        events: EventBridge.
        name: the replay's.
        told_of: told its state, and the time of the last event replayed.
        pause: waits for so many seconds.

    Raises:
        StorageError: when it failed or was cancelled, or EventBridge cannot be reached.
    """
    while True:
        with told(f"Replay {name}"):
            found = events.describe_replay(ReplayName=name)
        state = str(found["State"])
        told_of(state, found.get("EventLastReplayedTime"))
        if state in _ENDED:
            break
        pause(_PAUSE)
    if state != "COMPLETED":
        raise StorageError(
            f"Replay {name} is {state.lower()}: {found.get('StateReason', 'no reason is given')}."
        )


def reconcile(lake: Lake, name: str) -> Reconciled:
    """Hold what came back into raw by a replay against the curated events of its time. In any order, and however much of it is there yet.

    Raises:
        UsageError: when no such replay was started from this lake.
    """
    data = lake.archive_replays.read(name)
    if data is None:
        raise UsageError(f"No replay {name} was started here. Start it: lake archive start.")
    replay = msgspec.json.decode(data, type=ArchiveReplay)
    expected, came = set(_expected(lake, replay)), set(_came(lake, replay))
    missing = sorted(expected - came)
    return Reconciled(len(expected), len(expected & came), tuple(missing[:100]), len(came - expected))


def _expected(lake: Lake, replay: ArchiveReplay) -> Iterator[str]:
    times = {"start": _plain(replay.start), "end": _plain(replay.end)}
    with connect(lake, release_of(lake)) as connection:
        for event_type in lake.declarations.events:
            sql = f"select event_id from {curated_table(event_type)} where ingested_at >= $start and ingested_at < $end"
            yield from (event_id for (event_id,) in connection.execute(sql, times).fetchall())


def _came(lake: Lake, replay: ArchiveReplay) -> Iterator[str]:
    """Ids of events in raw that carry the replay's name; only raw that arrived since is read."""
    since = _plain(replay.started_at) - _HOUR
    for raw_object in lake.store.names():
        hour = arrival_hour(raw_object)
        if hour is not None and hour > since:
            yield from _marked(unpack(lake.store.read(raw_object)).records, replay.name.encode())


def _marked(records: Sequence[bytes], name: bytes) -> Iterator[str]:
    for record in records:
        mark = _MARK.search(record)
        if mark is not None and mark[1] == name and (event_id := _event_id(record)):
            yield event_id


def _event_id(record: bytes) -> str | None:
    try:
        return str(msgspec.json.decode(record)["detail"]["metadata"]["event_id"])
    except (ValueError, KeyError, TypeError):
        return None


def _plain(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
