from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fake_bus import LOST, PASSING, Answer, FakeBus, answered, failing
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.declarations import load_declarations
from contracts.errors import LakeError
from ingestion.event_bridge import EventBridgePublisher, drain
from ingestion.outbox import Outbox


def publisher(bus: FakeBus, outbox: Outbox) -> EventBridgePublisher:
    return EventBridgePublisher(
        load_declarations(), bus, outbox, bus="commerce", sleep=lambda _: None, attempts=6
    )


def events(number: int) -> list[dict[str, Any]]:
    data = {"customer_id": "c1"}
    return [{"event_type": "customer_registered", "event_id": name, "data": data} for name in names(number)]


def names(number: int) -> list[str]:
    return [f"e{i:03}" for i in range(number)]


def sent(bus: FakeBus) -> list[str]:
    return [json.loads(entry["Detail"])["metadata"]["event_id"] for entry in bus.accepted]


def kept(outbox: Outbox) -> list[str]:
    return [json.loads(each.record)["detail"]["metadata"]["event_id"] for each in outbox.kept(most=1000)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_whatever_share_of_calls_fails_every_event_is_delivered_or_in_the_outbox(
    tmp_path: Path, share: float, seed: int
) -> None:
    bus = FakeBus(failing(share, seed))
    with Outbox(tmp_path / "outbox.db") as outbox:
        result = publisher(bus, outbox).publish(events(500))
        assert sorted(sent(bus) + kept(outbox)) == names(500)
        assert kept(outbox) == sorted(kept(outbox))
        assert (result.published, result.deferred) == (len(bus.accepted), len(kept(outbox)))
        assert result.calls == len(bus.calls)


def answers() -> st.SearchStrategy[Answer]:
    codes = st.sampled_from(["InternalFailure", "ThrottlingException", "MalformedDetail", "Unheard"])
    refusals = st.sampled_from([answered("AccessDeniedException"), answered("ValidationException")])
    partly = st.dictionaries(st.integers(0, 9), codes, max_size=10)
    lost = st.just(LOST)
    return st.one_of(st.none(), st.sampled_from(PASSING), refusals, partly, lost)


@settings(max_examples=40)
@given(st.lists(answers(), max_size=40), st.integers(0, 45))
def test_whatever_the_bus_answers_every_event_is_delivered_or_in_the_outbox(
    script: list[Answer], number: int
) -> None:
    bus = FakeBus(script)
    with Outbox(Path(":memory:")) as outbox:
        to_send = publisher(bus, outbox)
        for act in (lambda: to_send.publish(events(number)), to_send.drain, to_send.drain):
            with suppress(LakeError):
                act()
            assert sorted({*sent(bus), *kept(outbox)}) == names(number)
        waited = outbox.counts().waiting
        mended = FakeBus()
        assert drain(outbox, mended).sent == waited
        assert outbox.counts().waiting == 0
        assert sent(mended) == sorted(sent(mended))
