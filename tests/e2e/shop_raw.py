"""Raw objects of a small shop: four event types, and whatever deliveries can do to them."""

from __future__ import annotations

import copy
import datetime as dt
import gzip
import random
from dataclasses import dataclass, field
from typing import Any, Final

from records import event, line

from contracts.layout import DEFAULT_BUS, raw_prefix
from lakehouse.lake import Lake

TYPES: Final = ("stock_adjusted", "order_placed", "payment_captured", "page_viewed")
MONDAY: Final = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
HOUR: Final = dt.timedelta(hours=1)
DAY: Final = dt.timedelta(days=1)
YEAR: Final = 365 * DAY

Record = dict[str, Any]


def text_of(at: dt.datetime) -> str:
    """A time as events tell it."""
    return at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def sent(
    event_type: str,
    event_id: str,
    *,
    at: dt.datetime = MONDAY,
    occurred_at: dt.datetime | None = None,
    source: str = "shop",
    metadata: Record | None = None,
    **data: Any,
) -> Record:
    """An event as the bus delivered it `at` that time, when it also happened unless `occurred_at` says otherwise."""
    made = event(event_type, event_id, **data)
    made |= {"time": text_of(at), "source": source}
    made["detail"]["metadata"] |= {"occurred_at": text_of(occurred_at or at), **(metadata or {})}
    return made


def again(record: Record, at: dt.datetime) -> Record:
    """The same event, delivered again: only what transport sets is different."""
    made = copy.deepcopy(record)
    made |= {"id": f"delivery-{at.timestamp()}", "time": text_of(at)}
    made["detail"]["metadata"] |= {
        "sent_at": text_of(at),
        "received_at": text_of(at),
        "traceparent": f"00-{at.timestamp()}",
        "replay": {"replay_id": f"replay-{at.timestamp()}"},
    }
    return made


def put(lake: Lake, name: str, *lines: Record | bytes, at: dt.datetime = MONDAY) -> str:
    """Write one raw object that arrived `at` that time; returns its path under the raw store."""
    return RawObject(name, at, list(lines)).put(lake)


@dataclass
class RawObject:
    """One raw object: its lines, or all its bytes."""

    name: str
    at: dt.datetime
    lines: list[Record | bytes] = field(default_factory=list)
    data: bytes | None = None

    @property
    def path(self) -> str:
        """Its path under the raw store."""
        return f"{raw_prefix(DEFAULT_BUS, self.at)}{self.name}.json.gz"

    def put(self, lake: Lake) -> str:
        """Write it into a lake's raw store."""
        text = b"\n".join(each if isinstance(each, bytes) else line(each) for each in self.lines)
        lake.store.write(self.path, gzip.compress(text, mtime=0) if self.data is None else self.data)
        return self.path


class Turmoil:
    """Raw of three days in which everything happens that deliveries and clocks do. The same seed, the same raw.

    No two deliveries arrive at one moment, so that it is determined which of them stands for an event.
    """

    def __init__(self, seed: int, *, objects: int = 10, events: int = 30) -> None:
        self._rng = random.Random(seed)
        hours = sorted(self._rng.sample(range(72), objects))
        self.objects = [RawObject(f"part-{n:02d}", MONDAY + hour * HOUR) for n, hour in enumerate(hours)]
        self._ticks = 0
        for n in range(events):
            self._tell(n)
        self._spoil()

    def _deliver(self, record: Record) -> dt.datetime:
        """Put a record into some object, with a moment of arrival of its own."""
        home = self._rng.choice(self.objects)
        arrived = self._moment(home)
        home.lines.append({**copy.deepcopy(record), "time": text_of(arrived)})
        return arrived

    def _moment(self, home: RawObject) -> dt.datetime:
        self._ticks += 1
        return home.at + self._ticks * dt.timedelta(seconds=2, microseconds=1)

    def _tell(self, n: int) -> None:
        """One event, and what becomes of it."""
        happened = MONDAY + self._rng.random() * 3 * DAY
        base = sent(self._rng.choice(TYPES), f"e-{n}", at=happened)
        match n % 10:
            case 0:  # copies in any objects
                for _ in range(self._rng.randint(2, 5)):
                    self._deliver(again(base, self._moment(self.objects[0])))
            case 1:  # conflicts, some of which are delivered more than once
                for other in range(self._rng.randint(2, 4)):
                    self._copies(self._changed(base, correlation_id=f"attempt-{other}"))
            case 2:  # a conflict whose versions happened on different days
                self._copies(base)
                self._copies(self._changed(base, occurred_at=text_of(happened + 2 * DAY)))
            case 3:  # one id on events of several types
                for event_type in self._rng.sample(TYPES, 3):
                    self._copies(sent(event_type, f"e-{n}", at=happened))
            case 4 | 5:
                self._tell_of_times(n, base, happened)
            case 6:  # a field of tomorrow, copied
                base["detail"]["a_field_of_tomorrow"] = self._rng.randint(1, 3)
                self._copies(base)
            case _:
                self._deliver(base)

    def _tell_of_times(self, n: int, base: Record, happened: dt.datetime) -> None:
        match n % 10:
            case 4:  # clocks that are off
                self._copies(self._changed(base, occurred_at=text_of(happened + 5 * YEAR)))
                self._copies(
                    self._changed(base, occurred_at=text_of(happened - 5 * YEAR), event_id=f"e-{n}-behind")
                )
            case _:  # late, and a load of the past
                self._copies(self._changed(base, occurred_at=text_of(happened - 3 * DAY)))
                old = {"occurred_at": text_of(happened - 3 * YEAR), "is_historical": True}
                self._copies(self._changed(base, event_id=f"e-{n}-old", **old))

    def _copies(self, record: Record) -> None:
        for _ in range(self._rng.randint(1, 3)):
            self._deliver(again(record, self._moment(self.objects[0])))

    def _changed(self, record: Record, **metadata: Any) -> Record:
        made = copy.deepcopy(record)
        made["detail"]["metadata"] |= metadata
        return made

    def _spoil(self) -> None:
        """Records and objects that cannot be read, or fit no contract."""
        first, second, third, *_ = self._rng.sample(self.objects, 6)
        first.lines += [
            b"",
            b"no JSON",
            b"\xff\xfe",
            b'{"detail-type":"unheard_of","detail":{"metadata":{}}}',
        ]
        second.lines.append(sent("stock_adjusted", "bad-1", at=self._moment(second), quantity_change="three"))
        third.lines.append(
            b"".join(line(sent("page_viewed", f"joined-{i}", at=self._moment(third))) for i in range(2))
        )
        self.objects.append(RawObject("empty", MONDAY, data=b""))
        self.objects.append(RawObject("no-gzip", MONDAY + HOUR, data=b"not gzip at all"))
        whole = gzip.compress(line(sent("page_viewed", "cut-1", at=MONDAY + HOUR)) + b"\n" + b"x" * 4000)
        self.objects.append(RawObject("cut", MONDAY + 30 * HOUR, data=whole[:-12]))
