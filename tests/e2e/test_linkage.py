"""`lake link` proposes, tells no name, and joins nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, WRONG_USE, lake_command
from shop_raw import put, sent

from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive


def customer(
    customer_id: str, first: str, last: str, born: str, event_type: str = "customer_registered"
) -> Any:
    told: dict[str, Any] = {"first_name": first, "last_name": last, "birth_date": born}
    event_id = f"{event_type}-{customer_id}"
    return sent(event_type, event_id, customer_id=customer_id, email_hash=None, phone_hash=None, loyalty_card_id=None, **told)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.create(tmp_path / "lake")
    put(
        lake,
        "a",
        customer("c-1", "Wilhelmina", "Girard", "1991-11-30"),
        customer("c-2", "Wilhemina", "Girard", "1991-11-30"),
        customer("c-3", "Ida", "Lambert", "1954-04-04"),
    )
    curate(lake)
    derive(lake)
    return lake


def linked(lake: Lake, *words: str) -> dict[str, Any]:
    done = lake_command("link", "--lake", lake.root, "--json", *words)
    assert done.returncode == DONE, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_persons_that_are_alike_are_proposed_with_what_is_equal(lake: Lake) -> None:
    found = linked(lake)
    assert found["persons"] == 3
    (proposal,) = found["proposals"]
    assert proposal["equal_fields"] == ["last_name", "birth_date", "postal_code"]
    assert proposal["probability"] >= 0.9
    assert sum(band["proposals"] for band in found["bands"]) == 1


def test_no_name_is_told(lake: Lake) -> None:
    done = lake_command("link", "--lake", lake.root, "--threshold", "0")
    assert "proposals among 3 persons" in done.stderr
    for canary in ("Girard", "Wilhelmina", "1991-11-30"):
        assert canary not in done.stdout + done.stderr


def test_nothing_is_written(lake: Lake) -> None:
    before = lake.releases.latest()
    linked(lake)
    assert lake.releases.latest() == before


def test_a_threshold_that_cannot_be_is_refused(lake: Lake) -> None:
    assert lake_command("link", "--lake", lake.root, "--threshold", "2").returncode == WRONG_USE
