"""`lake outbox`, as its users run it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from commands import DISK_FAILED, DONE, WRONG_USE, answer, lake_command

from ingestion.outbox import Counts, Outbox, Unsent
from lakehouse.lake import Lake

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
OUT_OF_REACH = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_MAX_ATTEMPTS": "2",
}


@pytest.fixture
def outbox(lake: Lake) -> Path:
    """The lake's outbox with two events that wait and one that never can be sent."""
    path = lake.root / "outbox.db"
    with Outbox(path) as opened:
        waiting = [Unsent(record(i), "ThrottlingException: Rate exceeded") for i in range(2)]
        unfit = Unsent(b"no json", "No bus takes it: it is no JSON.", is_deliverable=False)
        opened.keep([*waiting, unfit], bus="commerce", kept_at=NOW)
    return path


def record(number: int) -> bytes:
    detail = {"metadata": {"event_id": f"e{number}"}}
    return json.dumps({"source": "shop", "detail-type": "order_placed", "detail": detail}).encode()


def counts(path: Path) -> Counts:
    with Outbox(path) as opened:
        return opened.counts()


def test_the_list_says_what_is_kept_and_why(outbox: Path) -> None:
    rows = answer("outbox", "list", "--lake", outbox.parent)
    assert [(row["event_type"], row["event_id"], row["state"]) for row in rows] == [
        ("order_placed", "e0", "waiting"),
        ("order_placed", "e1", "waiting"),
        (None, None, "undeliverable"),
    ]
    assert rows[0]["reason"] == "ThrottlingException: Rate exceeded"
    assert (rows[0]["kept_at"], rows[2]["bytes"]) == ("2026-03-01T12:30:00Z", 7)


def test_the_list_of_any_outbox_says_how_many_and_what_next(outbox: Path, tmp_path: Path) -> None:
    done = lake_command("outbox", "list", "--outbox", outbox, "--limit", "1", cwd=tmp_path)
    assert done.returncode == DONE
    assert "2 events wait, 1 are undeliverable. Next: lake outbox drain" in done.stderr
    assert "e1" not in done.stdout


def test_where_nothing_was_ever_kept_nothing_is_listed_drained_or_made(lake: Lake) -> None:
    assert answer("outbox", "list", "--lake", lake.root) == []
    assert answer("outbox", "drain", "--lake", lake.root)["sent"] == 0
    assert not (lake.root / "outbox.db").exists()


def test_a_dry_run_says_what_waits_and_asks_nobody(outbox: Path) -> None:
    found = answer("outbox", "drain", "--lake", outbox.parent, "--dry-run")
    assert found == {"sent": 0, "waiting": 2, "undeliverable": 1, "calls": 0, "problem": None}


def test_a_bus_out_of_reach_is_exit_4_and_everything_stays(outbox: Path) -> None:
    done = lake_command("outbox", "drain", "--lake", outbox.parent, "--json", **OUT_OF_REACH)
    assert done.returncode == DISK_FAILED
    assert json.loads(done.stdout)["waiting"] == 2
    assert "EndpointConnectionError" in done.stderr
    assert "2 events wait in" in done.stderr
    assert counts(outbox) == Counts(2, 1)


def test_without_a_region_nothing_is_sent(outbox: Path) -> None:
    more = {**OUT_OF_REACH, "AWS_REGION": "", "AWS_CONFIG_FILE": "/nowhere", "AWS_DEFAULT_REGION": ""}
    done = lake_command("outbox", "drain", "--lake", outbox.parent, **more)
    assert done.returncode == WRONG_USE
    assert "Set AWS_REGION" in done.stderr


@pytest.mark.parametrize("verb", ["list", "drain"])
def test_an_outbox_that_is_not_there_is_wrong_use_and_is_not_made(tmp_path: Path, verb: str) -> None:
    done = lake_command("outbox", verb, "--outbox", tmp_path / "none.db")
    assert done.returncode == WRONG_USE
    assert "none.db is not there" in done.stderr
    assert list(tmp_path.iterdir()) == []
