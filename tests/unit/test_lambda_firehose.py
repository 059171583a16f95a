"""Firehose's transformation takes out what is marked, and says of every record what became of it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lambda_events
import pytest
from lambda_events import Context

from contracts.declarations import BUILT_IN, load_declarations
from contracts.limits import limit
from ingestion.minimise import Minimiser
from lambda_handlers import firehose
from tests.records import event, line

MARKED = "first_name"
CANARY = "Marie-Canary"


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in contracts with one field marked."""
    root = tmp_path_factory.mktemp("own") / "contracts"
    shutil.copytree(BUILT_IN, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = root / "events/customer_registered/v1.yaml"
    text = path.read_text()
    assert text.count(f"{MARKED}:") == 1
    path.write_text(text.replace(f"    {MARKED}:\n", f"    {MARKED}:\n      x-drop-before-raw: true\n"))
    return root


@pytest.fixture(scope="module")
def minimiser(contracts: Path) -> Minimiser:
    return Minimiser(load_declarations(contracts))


def registered(event_id: str = "e") -> bytes:
    return line(event("customer_registered", event_id, first_name=CANARY))


def answer(minimiser: Minimiser, *data: bytes | str, most_bytes: int = 6_000_000) -> list[tuple[str, bytes]]:
    """Result and data of each record; ids and order are those of the call."""
    response = firehose.respond(lambda_events.firehose(*data), minimiser, most_bytes=most_bytes)
    assert len(json.dumps(response)) <= most_bytes
    assert [each["recordId"] for each in response["records"]] == [f"record{n}" for n in range(len(data))]
    assert all(set(each) == {"recordId", "result", "data"} for each in response["records"])
    return [(each["result"], base64.b64decode(each["data"])) for each in response["records"]]


def names(data: bytes) -> list[str | None]:
    return [json.loads(each)["detail"].get(MARKED) for each in data.splitlines()]


def test_joined_records_are_minimised_each_and_stay_joined(minimiser: Minimiser) -> None:
    joined, lines = registered("a") + registered("b"), registered("c") + b"\n" + registered("d") + b"\n"
    (first, one), (second, two) = answer(minimiser, joined, lines)
    assert (first, second) == ("Ok", "Ok")
    assert one.count(b"}{") == joined.count(b"}{")
    assert CANARY.encode() not in one + two
    assert names(two) == [None, None]


def test_what_no_contract_marks_comes_back_to_the_byte(minimiser: Minimiser) -> None:
    data = line(event("page_viewed")) + b" \r\n" + line(event("order_placed"))
    assert answer(minimiser, data) == [("Ok", data)]


def test_broken_json_goes_on_to_quarantine_and_does_not_keep_others_from_it(minimiser: Minimiser) -> None:
    ((result, data),) = answer(minimiser, b"{broken\n" + registered())
    assert (result, data.startswith(b"{broken\n"), CANARY.encode() in data) == ("Ok", True, False)


def test_a_corrupt_record_goes_under_the_error_prefix_as_it_came(minimiser: Minimiser) -> None:
    given = lambda_events.firehose("no base64!", registered())
    records = firehose.respond(given, minimiser, most_bytes=6_000_000)["records"]
    assert [each["result"] for each in records] == ["ProcessingFailed", "Ok"]
    assert records[0]["data"] == "no base64!"


def test_what_has_no_room_in_the_answer_goes_under_the_error_prefix(
    minimiser: Minimiser, caplog: pytest.LogCaptureFixture
) -> None:
    small, large = registered(), line(event("customer_registered", first_name=CANARY, more="x" * 9000))
    found = answer(minimiser, small, large, small, most_bytes=8_000)
    assert [result for result, _ in found] == ["Ok", "ProcessingFailed", "Ok"]
    assert found[1][1] == b""
    assert [vars(each)["record_ids"] for each in caplog.records] == [["record1"]]


def test_an_answer_as_large_as_may_be_is_not_cut(minimiser: Minimiser) -> None:
    data = [b"x" * size for size in (1, 10, 100)]
    room = len(json.dumps(firehose.respond(lambda_events.firehose(*data), minimiser, most_bytes=10_000)))
    longest = room + len("ProcessingFailed" * 3) - len("Ok" * 3)
    assert {result for result, _ in answer(minimiser, *data, most_bytes=longest)} == {"Ok"}
    assert answer(minimiser, *data, most_bytes=longest - 1)[2][0] == "ProcessingFailed"


@pytest.fixture
def _fresh() -> Iterator[None]:
    firehose.make_minimiser.cache_clear()
    yield
    firehose.make_minimiser.cache_clear()


@pytest.mark.usefixtures("_fresh")
def test_the_function_takes_contracts_from_its_environment_and_tells_no_personal_data(
    contracts: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LAKE_CONTRACTS", str(contracts))
    large = line(event("customer_registered", first_name=CANARY, last_name=CANARY, more=CANARY * 150_000))
    given = lambda_events.firehose(*[large] * 3, f"{CANARY}!", registered())
    found: Any = firehose.handler(given, Context())
    assert [each["result"] for each in found["records"]] == ["Ok", "Ok", *["ProcessingFailed"] * 2, "Ok"]
    assert len(json.dumps(found)) <= limit("firehose.transformation.bytes")
    told = capsys.readouterr().out
    assert ('"RecordsTaken":[3.0]' in told, '"RecordsFailed":[2.0]' in told) == (True, True)
    logged = [vars(each) for each in caplog.records]
    assert [each["record_ids"] for each in logged] == [["record3"], ["record2"]]
    assert CANARY not in told + str(logged)


@pytest.mark.usefixtures("_fresh")
def test_with_the_built_in_contracts_everything_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKE_CONTRACTS", raising=False)
    given = lambda_events.firehose(registered())
    found: Any = firehose.handler(given, Context())
    assert found["records"][0]["data"] == given["records"][0]["data"]
