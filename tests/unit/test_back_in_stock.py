"""The sample consumer sends each mail once, and none for what was replayed."""

from __future__ import annotations

import json
import runpy
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.records import event

CONSUMER = Path(__file__).parents[2] / "examples/back_in_stock/consumer.py"


def received(event_id: str, sku: str, **metadata: Any) -> dict[str, Any]:
    made = event("stock_received", event_id, sku=sku)
    made["detail"]["metadata"].pop("replay", None)
    made["detail"]["metadata"] |= metadata
    return made


def run(folder: Path, *events: dict[str, Any]) -> list[tuple[str, str]]:
    """Who is told what, once the events were handled."""
    (folder / "events.ndjson").write_text("\n".join(map(json.dumps, events)))
    (folder / "waiting.json").write_text(json.dumps({"A": ["kim@shop.example", "bo@shop.example"]}))
    words = [folder / "events.ndjson", "--waiting", folder / "waiting.json", "--outbox", folder / "mails"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["consumer.py", *map(str, words)])
        runpy.run_path(str(CONSUMER), run_name="__main__")
    mails = [message_from_bytes(path.read_bytes()) for path in (folder / "mails").iterdir()]
    return sorted((mail["To"], mail["Subject"]) for mail in mails)


BOTH = [("bo@shop.example", "A is back in stock"), ("kim@shop.example", "A is back in stock")]


def test_who_waits_is_told_and_nobody_else(tmp_path: Path) -> None:
    others = event("stock_counted", "e-2", sku="A"), received("e-3", "B")
    assert run(tmp_path, received("e-1", "A"), *others) == BOTH


def test_an_event_delivered_twice_is_one_mail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, received("e-1", "A"), received("e-1", "A")) == BOTH
    assert capsys.readouterr().out.startswith("2 mails")
    assert run(tmp_path, received("e-1", "A")) == BOTH
    assert capsys.readouterr().out.startswith("0 mails")
    assert len(run(tmp_path, received("e-2", "A"))) == 2 * len(BOTH)


def test_what_was_replayed_tells_nobody(tmp_path: Path) -> None:
    mark = {"replay_id": "r-1", "replayed_at": "2026-11-02T00:00:00Z"}
    assert run(tmp_path, received("e-1", "A", replay=mark)) == []
    assert run(tmp_path, received("e-1", "A", replay=None)) == BOTH
