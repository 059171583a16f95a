"""`deduplication.md`, run in every order and every cut."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_tables import titled
from transforms.deduplicate import IDS, deduplicate

TABLES = titled(Path(__file__).with_name("deduplication.md").read_text())
CONNECTION = duckdb.connect(config={"threads": 1})
DAY = dt.datetime(2026, 11, 1)  # noqa: DTZ001 times in tables carry no zone


class Found(NamedTuple):
    """A record that deduplication is to find: its event, its payload's hash, its time."""

    event_id: str
    payload: int
    time: int


Cut = tuple[int, ...]
"""For each record, the run that finds it, from 0."""


def every_cut(records: int) -> Iterator[Cut]:
    """Every order and every cut: as a run is a set, these are all ways to deal the records out to runs."""
    for cut in itertools.product(range(records), repeat=records):
        if set(cut) == set(range(max(cut, default=-1) + 1)):
            yield cut


def row(record: Found, world: int, number: int) -> dict[str, object]:
    """A row of IDS. Every cut is a world of its own, kept apart by the id, so that all can run at once."""
    at = DAY + dt.timedelta(seconds=record.time)
    return {
        "event_id": f"{world}/{record.event_id}",
        "payload_hash": record.payload,
        "event_type": "page_viewed",
        "occurred_date": DAY.date(),
        "ingested_at": at,
        "raw_object": str(world),
        "raw_record": number,
    }


def outcomes(records: list[Found], cuts: list[Cut]) -> list[list[str]]:
    """The fate of every record after the last run, in each of the cuts."""
    fates = [[""] * len(records) for _ in cuts]
    index = IDS.empty_table()
    for run in range(max(map(max, cuts), default=-1) + 1):
        rows = [row(r, w, n) for w, cut in enumerate(cuts) for n, r in enumerate(records) if cut[n] == run]
        random.shuffle(rows)
        index = one_run(pa.Table.from_pylist(rows, schema=IDS), index, fates)
    return fates


def one_run(found: pa.Table, known: pa.Table, fates: list[list[str]]) -> pa.Table:
    """Settle one run of every world; returns the index after it."""
    met = known.filter(pc.is_in(known["event_id"], found["event_id"].combine_chunks()))
    result = deduplicate(CONNECTION, found, met)
    for each in found.to_pylist():
        fates[int(each["raw_object"])][each["raw_record"]] = "curated"
    for each in result.displaced.to_pylist():
        assert fates[int(each["raw_object"])][each["raw_record"]] == each["fate_before"]
    for each in (*result.dropped.to_pylist(), *result.displaced.to_pylist()):
        fates[int(each["raw_object"])][each["raw_record"]] = each["fate"]
    return pa.concat_tables([known, found])


def by_hand(records: list[Found]) -> list[str]:
    """The rule in plain words: the least copy of each payload stands for it, the least payload is curated."""
    fates = ["duplicate"] * len(records)
    for event_id in {r.event_id for r in records}:
        least: dict[int, tuple[int, int]] = {}
        for place, record in enumerate(records):
            if record.event_id == event_id:
                least[record.payload] = min(least.get(record.payload, (99, 0)), (record.time, place))
        ranked = sorted(least, key=lambda payload: (least[payload][0], payload))
        for rank, payload in enumerate(ranked):
            fates[least[payload][1]] = "conflict" if rank else "curated"
    return fates


def hash_of(payload: str) -> int:
    return int(payload) if payload.lstrip("-").isdigit() else zlib.crc32(payload.encode())


@pytest.mark.parametrize("title", TABLES)
def test_in_every_order_and_every_cut(title: str) -> None:
    records = [Found(r["id"], hash_of(r["payload"]), int(r["time"])) for r in TABLES[title]]
    wanted = [r["fate"] for r in TABLES[title]]
    cuts = list(every_cut(len(records)))
    for cut, fates in zip(cuts, outcomes(records, cuts), strict=True):
        assert fates == wanted, cut


def test_every_cut_is_counted() -> None:
    assert [len(list(every_cut(n))) for n in range(1, 6)] == [1, 3, 13, 75, 541]


RECORDS = st.lists(
    st.builds(Found, st.sampled_from("ab"), st.sampled_from([-2, -1, 1]), st.integers(0, 3)),
    min_size=1,
    max_size=9,
)


@settings(max_examples=40)
@given(RECORDS, st.data())
def test_any_order_and_any_cut_give_one_outcome(records: list[Found], data: st.DataObject) -> None:
    runs = st.tuples(*[st.integers(0, 3)] * len(records))
    cuts = data.draw(st.lists(runs, min_size=1, max_size=20))
    for cut, fates in zip(cuts, outcomes(records, cuts), strict=True):
        assert fates == by_hand(records), cut
