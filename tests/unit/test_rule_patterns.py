"""Rule patterns made from contracts, held against sample events by an implementation of EventBridge's patterns that is not ours."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from contracts.errors import UsageError
from contracts.rule_patterns import rule_pattern
from contracts.samples import record
from tests.records import DECLARATIONS, event, latest, valid_samples


def matches(pattern: dict[str, Any], sample: dict[str, Any]) -> bool:
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(sample))


def replayed(sample: dict[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(sample)
    made["detail"]["metadata"]["replay"] = {"replay_id": "r-1", "replayed_at": "2026-11-02T00:00:00Z"}
    return made


def first_hand(sample: dict[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(sample)
    made["detail"]["metadata"].pop("replay", None)
    return made


@pytest.mark.parametrize("event_type", sorted(DECLARATIONS.events))
def test_a_rule_takes_every_sample_of_its_type_and_none_of_another(event_type: str) -> None:
    pattern = rule_pattern(DECLARATIONS, [event_type])
    for sample in map(first_hand, valid_samples(latest(event_type))):
        assert matches(pattern, sample)
    others = (name for name in DECLARATIONS.events if name != event_type)
    assert not any(matches(pattern, first_hand(record(DECLARATIONS, latest(name)))) for name in others)


def test_what_was_sent_again_is_left_out_but_where_it_is_asked_for() -> None:
    sample = first_hand(event("stock_received"))
    marked = replayed(sample)
    for replays in (False, True):
        pattern = rule_pattern(DECLARATIONS, ["stock_received"], replays=replays)
        assert (matches(pattern, sample), matches(pattern, marked)) == (True, replays)


def test_a_rule_may_take_several_types_and_some_values_only() -> None:
    where = {"reason": ["damage", "theft"], "metadata.channel": ["store"]}
    pattern = rule_pattern(DECLARATIONS, ["stock_adjusted"], where)
    for reason, channel, wanted in (("damage", "store", True), ("theft", "store", True), ("loss", "store", False), ("theft", "web", False)):  # fmt: skip
        sample = first_hand(event("stock_adjusted", reason=reason))
        sample["detail"]["metadata"]["channel"] = channel
        assert matches(pattern, sample) is wanted
        assert not matches(pattern, replayed(sample))
    two = rule_pattern(DECLARATIONS, ["order_placed", "order_cancelled"])
    assert [matches(two, first_hand(event(name))) for name in ("order_placed", "order_cancelled", "order_picked_up")] == [True, True, False]  # fmt: skip


def test_values_are_as_json_has_them() -> None:
    pattern = rule_pattern(
        DECLARATIONS, ["stock_counted"], {"is_recount": ["true"], "counted_quantity": ["5"]}
    )
    assert pattern["detail"]["is_recount"] == [True]
    assert pattern["detail"]["counted_quantity"] == [5]
    nested = rule_pattern(
        DECLARATIONS, ["order_placed"], {"shipping_address.country_code": ["DE"]}, replays=True
    )
    assert nested["detail"] == {"shipping_address": {"country_code": ["DE"]}}


@pytest.mark.parametrize(
    ("event_types", "where", "message"),
    [
        ([], {}, "at least one"),
        (["order_place"], {}, "No contract"),
        (["order_placed"], {"orderid": ["x"]}, "did you mean order_id"),
        (["stock_adjusted"], {"reason": ["damaged"]}, "is never 'damaged'; did you mean damage"),
        (["stock_counted"], {"counted_quantity": ["five"]}, "it is integer"),
        (["stock_counted"], {"is_recount": ["yes"]}, "it is boolean"),
        (["order_placed"], {"lines": ["x"]}, "no single value"),
        (["order_placed"], {"metadata": ["x"]}, "no single value"),
        (["order_placed"], {"order_id": [f"{n:064}" for n in range(40)]}, "EventBridge takes 2048"),
        (["order_placed", "page_viewed"], {"order_id": ["x"]}, "page_viewed has no field 'order_id'"),
    ],
)
def test_what_contracts_do_not_know_is_refused(
    event_types: list[str], where: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        rule_pattern(DECLARATIONS, event_types, where)
