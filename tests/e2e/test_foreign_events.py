"""Events of producers that know nothing of our envelope are curated from raw by what a contract accepts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, WRONG_USE, lake_command
from holdings import accounts, assert_conserved
from shop_raw import MONDAY, put, sent, text_of

from contracts.declarations import BUILT_IN, load_declarations
from contracts.errors import ContractError
from lakehouse.lake import Lake
from lakehouse.sql import connect, query, release_of
from pipeline.curate import curate

PAID = """
accepts:
  - source: com.homemade.*
    detail-type: PaymentTaken
    mapping:
      where: detail->>'kind' = 'card'
      channel: web
      id: [{sql: "detail->>'ref'"}]
      occurred_at: detail->>'takenAt'
      fields:
        capture_id: detail->>'ref'
        payment_id: detail->>'ref'
        order_id: detail->'order'->>'number'
        amount: detail->>'amount'
        currency_code: {sql: "detail->>'currency'", lookup: {"€": EUR}}
        payment_method: {constant: card}
        psp: {constant: homemade}
"""
# the same from a till that took our name for its events
PAID += PAID.partition("accepts:\n")[2].replace("PaymentTaken", "payment_captured")
ORDERED = """
accepts:
  - source: com.homemade.shop
    detail-type: OrderPlaced
    mapping:
      id: content
      occurred_at: to_timestamp((detail->>'at')::BIGINT)
      fields:
        order_id: detail->>'number'
        currency_code: {constant: EUR}
        subtotal_amount: detail->>'total'
        discount_amount: {constant: "0"}
        shipping_amount: {constant: "0"}
        tax_amount: {constant: "0"}
        total_amount: detail->>'total'
        delivery_method: {constant: home_delivery}
        lines:
          each: detail->'items'
          fields:
            line_number: _line
            sku: item->>'sku'
            quantity: item->>'n'
            unit_price_amount: item->>'price'
            discount_amount: {constant: "0"}
            tax_amount: {constant: "0"}
            net_amount: ((item->>'n')::BIGINT * (item->>'price')::DECIMAL(18, 4))
            total_amount: ((item->>'n')::BIGINT * (item->>'price')::DECIMAL(18, 4))
"""


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contracts, of which two accept what a homemade shop sends."""
    folder = tmp_path_factory.mktemp("estate") / "contracts"
    shutil.copytree(BUILT_IN, folder, ignore=shutil.ignore_patterns("*.py", "py.typed", "__pycache__"))
    for event_type, accepts in (("payment_captured", PAID), ("order_placed", ORDERED)):
        newest = max((folder / "events" / event_type).glob("*.yaml"))
        newest.write_text(newest.read_text() + accepts)
    return folder


@pytest.fixture
def lake(tmp_path: Path, contracts: Path) -> Lake:
    return Lake.create(tmp_path / "lake", {"contracts": str(contracts), "quarantine_threshold": 1.0})


def foreign(detail_type: str, detail: Any, *, source: str = "com.homemade.shop", delivery: str = "d") -> Any:
    """An event as somebody else's bus delivers it."""
    return {
        "version": "0", "id": delivery, "detail-type": detail_type, "source": source, "account": "1",
        "time": text_of(MONDAY), "region": "eu-west-1", "resources": [], "detail": detail,
    }  # fmt: skip


def paid(ref: str, **changed: Any) -> dict[str, Any]:
    told = {"kind": "card", "ref": ref, "takenAt": "2026-11-02T09:30:00.5+01:00", "order": {"number": "o-7"}}
    return told | {"amount": 129.95, "currency": "€"} | changed


def ordered(number: str) -> dict[str, Any]:
    items = [{"sku": "S1", "n": 2, "price": "9.90"}, {"sku": "S2", "n": 1, "price": "0.2"}]
    return {"number": number, "at": int(MONDAY.timestamp()), "total": "20.00", "items": items}


def rows(lake: Lake, sql: str) -> list[dict[str, Any]]:
    with connect(lake, release_of(lake)) as connection:
        return query(connection, sql).to_pylist()


def test_what_a_contract_accepts_becomes_rows_by_its_mapping(lake: Lake) -> None:
    raw_object = put(lake, "a", foreign("PaymentTaken", paid("p-1")), foreign("OrderPlaced", ordered("o-7")))
    curate(lake)
    (payment,) = rows(lake, "select * from curated.payment_captured")
    assert (payment["payment_id"], payment["order_id"], f"{payment['amount']}", payment["currency_code"]) == (
        "p-1",
        "o-7",
        "129.9500",
        "EUR",
    )
    assert (payment["channel"], payment["source"], payment["raw_object"], payment["raw_record"]) == (
        "web",
        "com.homemade.shop",
        raw_object,
        0,
    )
    assert payment["occurred_at"].isoformat() == "2026-11-02T08:30:00.500000"
    (order,) = rows(lake, "select * from curated.order_placed")
    lines = [
        (line["line_number"], line["sku"], line["quantity"], f"{line['net_amount']}")
        for line in order["lines"]
    ]
    assert lines == [(1, "S1", 2, "19.8000"), (2, "S2", 1, "0.2000")]
    assert_conserved(lake)


def test_delivered_twice_it_counts_once(lake: Lake) -> None:
    put(
        lake,
        "a",
        *(
            foreign(*each, delivery="d-1")
            for each in (("PaymentTaken", paid("p")), ("OrderPlaced", ordered("o")))
        ),
    )
    put(
        lake,
        "b",
        *(
            foreign(*each, delivery="d-2")
            for each in (("PaymentTaken", paid("p")), ("OrderPlaced", ordered("o")))
        ),
    )
    curate(lake)
    totals = {
        name: sum(account[name] for account in accounts(lake).values()) for name in ("curated", "duplicates")
    }
    assert totals == {"curated": 2, "duplicates": 2}


@pytest.mark.parametrize(
    ("detail_type", "detail", "error_type", "message"),
    [
        ("PaymentTaken", paid("p", kind="cash"), "unknown_event_type", "`where` holds for none"),
        ("PaymentTaken", paid("p", amount="much"), "bad_format", "amount"),
        ("PaymentTaken", paid("p", takenAt="soon"), "bad_format", "occurred_at"),
        ("PaymentTaken", {"kind": "card"}, "wrong_type", "got `null`"),
        ("OrderPlaced", ordered("o") | {"at": "noon"}, "unmappable", "The mapping of order_placed fails on it"),
        ("OrderPlaced", ordered("o") | {"items": {}}, "missing_field", "lines"),
        ("OrderPlaced", "text", "wrong_type", "got `null`"),
        ("Unheard", {}, "unknown_event_type", "No contract declares"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_quarantined_as_it_came(
    lake: Lake, detail_type: str, detail: Any, error_type: str, message: str
) -> None:
    bad = foreign(detail_type, detail)
    put(lake, "a", foreign("OrderPlaced", ordered("good")), bad, foreign("PaymentTaken", paid("good")))
    curate(lake)
    (row,) = rows(lake, "select error_type, error_message, record from platform.quarantine")
    assert (row["error_type"], json.loads(row["record"])) == (error_type, bad)
    assert message in row["error_message"]
    assert len(rows(lake, "select * from curated.payment_captured")) == 1
    assert len(rows(lake, "select * from curated.order_placed")) == 1
    assert_conserved(lake)


def test_our_own_events_of_an_accepted_source_and_type_are_taken_as_they_are(lake: Lake) -> None:
    own = sent("payment_captured", "own", source="com.homemade.till")
    extended = sent("payment_captured", "extended", source="com.homemade.till", unknown_field=1)
    theirs = foreign("payment_captured", paid("p"), source="com.homemade.till")
    put(lake, "a", own, extended, theirs)
    curate(lake)
    found = rows(lake, "select event_id, extras from curated.payment_captured order by event_id")
    assert {row["event_id"] for row in found} >= {"own", "extended"}
    assert [row["extras"] for row in found if row["event_id"] == "extended"] == [
        '{"/detail/unknown_field":1}'
    ]
    assert len(found) == 3


def test_a_mapping_that_does_not_fit_an_envelope_is_named_with_its_line(
    tmp_path: Path, contracts: Path
) -> None:
    folder = Path(shutil.copytree(contracts, tmp_path / "contracts"))
    path = folder / "events/payment_captured/v1.yaml"
    path.write_text(path.read_text().replace("detail->>'takenAt'", "details->>'takenAt'"))
    done = lake_command("contracts", "check", "--contracts", folder)
    assert done.returncode == WRONG_USE
    assert f"{path}:" in done.stderr
    assert "occurred_at" in done.stderr
    assert lake_command("contracts", "check", "--contracts", contracts).returncode == DONE


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("source: com.homemade.*", "sauce: x", "'sauce' is not supported"),
        ("    detail-type: PaymentTaken\n", "", "'detail-type' is missing"),
        ("channel: web", "channel: moon", "'moon' is not one of"),
        ("payment_method: {constant: card}", "payment_methods: {constant: card}", "no field 'payment_methods'"),
        ("      id: [{sql: \"detail->>'ref'\"}]\n", "", "lacks 'id'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_and_line(
    tmp_path: Path, contracts: Path, old: str, new: str, message: str
) -> None:
    folder = Path(shutil.copytree(contracts, tmp_path / "contracts"))
    path = folder / "events/payment_captured/v1.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ContractError, match=rf"v1\.yaml:\d+: .*{message}"):
        load_declarations(folder)
