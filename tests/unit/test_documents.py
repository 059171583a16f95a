"""What a source sends goes into raw as it is, once for each event it becomes."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from contracts.declarations import Declarations
from contracts.errors import ContractError, MappingError
from contracts.sources import Source, load_sources
from ingestion.documents import Document, Intake
from ingestion.event_log import EventLog, Landing
from ingestion.exports import ingest_documents
from tests.records import DECLARATIONS

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
DECLARED = """
family: A till
description: Refunds and counts of a till.
documentation: https://till.example/docs
arrives: webhook
webhook: {signature: standard, topic: X-Topic}
split: payload->'batch'
ignore: topic like 'themes/%' or (payload->>'skip')::BOOLEAN
events:
  - event_type: payment_refunded
    where: topic = 'refund'
    each: payload->'parts'
    id: [{sql: "item->>'id'"}]
    occurred_at: payload->>'at'
    fields:
      payment_id: payload->>'id'
      refund_id: item->>'id'
      order_id: payload->>'order'
      amount: item->>'amount'
      currency_code: {constant: EUR}
      payment_method: {constant: card}
      psp: {constant: till}
      reason: {constant: return}
  - event_type: stock_adjusted
    where: topic = 'refund' and (payload->>'restock')::INTEGER > 0
    id: [{sql: "payload->>'id'"}]
    occurred_at: payload->>'at'
    fields:
      sku: payload->>'sku'
      location_id: {constant: till}
      quantity_change: payload->>'restock'
      reason: {constant: return_restock}
"""
REFUND = {"id": "r-1", "at": "2026-11-02T09:00:00Z", "order": "o", "parts": [{"id": "a", "amount": "1.50"}, {"id": "b", "amount": "2"}]}  # fmt: skip


def declared(folder: Path, text: str = DECLARED, declarations: Declarations = DECLARATIONS) -> Source:
    folder.mkdir(exist_ok=True)
    (folder / "till.yaml").write_text(text)
    return load_sources(folder, declarations.events, declarations.envelope.metadata)["till"]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return declared(tmp_path / "sources")


def sent(payload: Any, topic: str | None = "refund") -> Document:
    return Document(json.dumps(payload).encode(), topic)


def told(source: Source, *documents: Document) -> list[tuple[str, Any]]:
    """Type and item of each record made."""
    received = Intake(source).take(documents, NOW)
    found = [json.loads(record) for record in received.records]
    return [(each["detail-type"], each["detail"].get("item")) for each in found]


def test_a_document_is_kept_as_it_was_sent_in_an_envelope(source: Source) -> None:
    text = b'{"id":  "r-1",\r\n "n": 1.50, "restock": 1, "\\u00e9": "\xc3\xa9"}'
    (record,) = Intake(source).take([Document(text, "refund")], NOW).records
    assert text.replace(b"\r\n", b"  ") in record
    envelope = json.loads(record)
    assert (envelope["source"], envelope["detail-type"]) == ("till", "stock_adjusted")
    assert (envelope["time"], envelope["detail"]["topic"]) == ("2026-11-02T09:30:00Z", "refund")


def test_it_is_written_once_for_each_event_it_becomes(source: Source) -> None:
    first, second = REFUND["parts"]
    assert told(source, sent(REFUND)) == [("payment_refunded", first), ("payment_refunded", second)]
    assert told(source, sent({**REFUND, "restock": 2})) == [
        ("payment_refunded", first),
        ("payment_refunded", second),
        ("stock_adjusted", None),
    ]


def test_records_stand_in_the_order_of_their_documents(source: Source) -> None:
    types = [event_type for event_type, _ in told(source, sent({"restock": 1}), sent(REFUND), sent({}, "x"))]
    assert types == ["stock_adjusted", "payment_refunded", "payment_refunded", "x"]


def test_a_list_in_a_document_holds_documents_of_their_own(source: Source) -> None:
    received = Intake(source).take([sent({"batch": [{"restock": 1}, {"restock": 2}, 5]})], NOW)
    assert (received.documents, received.unmatched) == (3, 1)
    payloads = [json.loads(record)["detail"]["payload"] for record in received.records]
    assert payloads == [{"restock": 1}, {"restock": 2}, 5]


def test_nothing_is_left_out_but_what_is_declared(source: Source) -> None:
    documents = [
        sent({}, "themes/publish"),
        sent({"skip": True, "restock": 1}),
        sent({"skip": "perhaps", "restock": 1}),
    ]
    received = Intake(source).take([*documents, sent({}, "orders/unheard"), sent({}, None)], NOW)
    types = [json.loads(record)["detail-type"] for record in received.records]
    assert types == ["stock_adjusted", "orders/unheard", "till"]
    assert (received.documents, received.ignored, received.unmatched) == (5, 2, 2)


def test_where_a_condition_fails_the_document_goes_on_alone(source: Source) -> None:
    good, bad = sent({"restock": 1}), sent({"restock": "many"})
    assert told(source, good, bad, good) == [("stock_adjusted", None)] * 3


@pytest.mark.parametrize("text", [b"{broken", b"\xff", b"[" * 3000, b"", b'{"a": 1} {"b": 2}'])
def test_what_is_no_json_goes_on_as_it_is(source: Source, text: bytes) -> None:
    received = Intake(source).take([Document(text, "refund"), sent({"restock": 1})], NOW)
    assert received.records[0] == text
    assert (len(received.records), received.unmatched) == (2, 1)


@pytest.mark.parametrize(
    ("name", "text", "unmatched"),
    [
        ("a.ndjson", b'{"topic": "refund", "payload": {"restock": 1}}\n\n{"restock": 1}', 1),
        ("a.json", b'{\n"topic": "refund",\n"payload": {"restock": 1}\n}\n', 0),
        ("b.json", b'[{"topic": "refund", "payload": {"restock": 1}},\n {"topic": "x", "payload": 1}]', 1),
        ("c.json", b'[{"topic": "refund", "payload": {"restock": 1}}]\n', 0),
        ("d.ndjson.gz", gzip.compress(b'{"topic": "refund", "payload": {"restock": 1}}\n', mtime=0), 0),
        ("e.json", b"\n \n", 0),
    ],
)
def test_a_file_holds_a_document_a_line_or_one_or_a_list(
    source: Source, tmp_path: Path, name: str, text: bytes, unmatched: int
) -> None:
    (tmp_path / name).write_bytes(text)
    with EventLog(tmp_path / "log.db") as log:
        found = ingest_documents([tmp_path / name], source, log, clock=lambda: NOW)
        records = log.records(Landing("", "commerce", NOW.replace(minute=0), 1, 100, 0))
    assert (found.published, found.unmatched) == (len(records), unmatched)
    types = [json.loads(record)["detail-type"] for record in records]
    assert types.count("stock_adjusted") == found.documents - unmatched


def test_a_file_that_cannot_be_read_is_named(source: Source, tmp_path: Path) -> None:
    path = tmp_path / "cut.json.gz"
    path.write_bytes(gzip.compress(b'{"restock": 1}\n' * 1000, mtime=0)[:-20])
    with EventLog(tmp_path / "log.db") as log:
        for each in (path, tmp_path / "gone.json"):
            with pytest.raises(MappingError, match=f"{each} cannot be read"):
                ingest_documents([each], source, log)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("family: A till\n", "", "declares 'family'"),
        ("family:", "colour: red\nfamily:", "'colour' is not supported"),
        ("arrives: webhook", "arrives: pigeon", "'arrives' is one of"),
        ("signature: standard", "signature: seal", "'signature' is one of"),
        ("reads", "reads", None),
        ("arrives:", "reads: rows\narrives:", "'webhook' is not supported"),
        ("event_type: stock_adjusted", "event_type: stock_adjust", "no contract declares"),
        ("reason: {constant: return_restock}", "group_by: [x]", "no field 'group_by'"),
        ("    where: topic = 'refund'\n", "    group_by: [x]\n", "'group_by' is not supported"),
        ("split:", "on_bus: [{source: x}]\nsplit:", "source and detail-type"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_source_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, message: str | None
) -> None:
    text = DECLARED.replace(old, new)
    if message is None:
        assert declared(tmp_path, text).reads == "documents"
        return
    with pytest.raises(ContractError, match=rf"till\.yaml:\d+: .*{message}"):
        declared(tmp_path, text)


@pytest.mark.parametrize(
    "mistake",
    [
        ("payload->'batch'", "detail->'batch'"),
        ("where: topic = 'refund' and", "where: time > now() and"),
        ("each: payload->'parts'", "each: parts"),
        ("ignore: topic like", "ignore: topic topic like"),
        ("sku: payload->>'sku'", "sku: payload->>'sku' from x"),
    ],
)
def test_what_the_door_carries_out_sees_the_document_only(tmp_path: Path, mistake: tuple[str, str]) -> None:
    with pytest.raises(MappingError, match=r"till\.yaml:\d+"):
        Intake(declared(tmp_path, DECLARED.replace(*mistake))).check()
