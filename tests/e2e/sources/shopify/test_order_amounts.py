"""The amounts of order_placed add up as its contract says, with prices that include tax and with prices that do not."""

from __future__ import annotations

import datetime as dt
import json
import random
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.declarations import load_declarations
from ingestion.documents import Document, Intake
from transforms.foreign import ForeignReader

SHOPIFY = load_declarations().sources["shopify"]
NOW = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
SENT = (Path(__file__).parent / "sent.ndjson").read_text().splitlines()
CENT = Decimal("0.01")


def placed(orders: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the orders become, by order_id."""
    documents = [Document(json.dumps(each).encode(), "orders/create") for each in orders]
    records = Intake(SHOPIFY).take(documents, NOW).records
    accepted = [
        each for each in SHOPIFY.accepted if (each.source, each.detail_type) == ("shopify", "order_placed")
    ]
    made = [
        json.loads(each)["detail"]
        for each in ForeignReader().read(accepted, records)
        if isinstance(each, bytes)
    ]
    return {each["order_id"]: each for each in made}


def assert_adds_up(order: dict[str, Any]) -> None:
    lines = [
        {key: Decimal(line[key]) for key in line if key.endswith("_amount") or key == "quantity"}
        for line in order["lines"]
    ]
    for line in lines:
        assert line["total_amount"] == line["net_amount"] + line["tax_amount"]
        missing = line["quantity"] * line["unit_price_amount"] - line["discount_amount"] - line["net_amount"]
        # a unit's price without tax has 4 places; a discount takes up what that rounds
        assert abs(missing) <= (0 if line["discount_amount"] else line["quantity"] * Decimal("0.00005"))
    for name, part in (("subtotal", "net"), ("discount", "discount"), ("tax", "tax")):
        assert Decimal(order[f"{name}_amount"]) == sum(line[f"{part}_amount"] for line in lines), name
    parts = (Decimal(order[f"{name}_amount"]) for name in ("subtotal", "shipping", "tax"))
    assert Decimal(order["total_amount"]) == sum(parts)


def test_those_of_the_samples_do() -> None:
    sent = [json.loads(line) for line in SENT]
    orders = [
        each["payload"] for each in sent if each["topic"] == "orders/create" and each["payload"]["line_items"]
    ]
    found = placed([each for each in orders if each["source_name"] != "pos"])
    assert len(found) == 4
    for each in found.values():
        assert_adds_up(each)


@pytest.mark.parametrize("taxes_included", [True, False])
def test_those_of_any_order_do(*, taxes_included: bool) -> None:
    rand = random.Random(f"orders {taxes_included}")
    orders = [an_order(number, rand, taxes_included=taxes_included) for number in range(1, 301)]
    found = placed(orders)
    assert len(found) == len(orders)
    for each in found.values():
        assert_adds_up(each)


def an_order(number: int, rand: random.Random, *, taxes_included: bool) -> dict[str, Any]:
    """An order as a shop totals it: discounts of a line and of the order, taxes of one or two rates, shipping with tax."""
    lines = [
        a_line(number * 100 + place, rand, taxes_included=taxes_included)
        for place in range(rand.randint(1, 6))
    ]
    price, off = some(rand, 0, 2000), some(rand, 0, 300)
    price, off = max(price, off), min(price, off)
    taxes = taxes_on(price - off, rand, taxes_included=taxes_included)
    shipping = {"price_set": money(price), "discount_allocations": [allocation(off)], "tax_lines": taxes}
    charged = [*lines, {**shipping, "quantity": 1}]
    return {
        "id": number,
        "source_name": "web",
        "processed_at": "2026-11-02T10:00:00+01:00",
        "presentment_currency": "EUR",
        "taxes_included": taxes_included,
        "duties_included": False,
        "line_items": lines,
        "shipping_lines": [shipping],
        "total_price_set": money(
            sum((owed(each, taxes_included=taxes_included) for each in charged), Decimal(0))
        ),
    }


def a_line(number: int, rand: random.Random, *, taxes_included: bool) -> dict[str, Any]:
    price, quantity = some(rand, 0, 20000), rand.choice([1, 1, 2, 3, 7, 48])
    left = price * quantity
    offs = []
    for _ in range(rand.choice([0, 0, 1, 2])):
        offs.append(min(left, some(rand, 1, 3000)) if rand.random() < 0.9 else left)
        left -= offs[-1]
    return {
        "id": number,
        "sku": f"SKU-{number}",
        "quantity": quantity,
        "requires_shipping": True,
        "price_set": money(price),
        "discount_allocations": [allocation(each) for each in offs],
        "tax_lines": taxes_on(left, rand, taxes_included=taxes_included),
        "duties": [],
    }


def taxes_on(value: Decimal, rand: random.Random, *, taxes_included: bool) -> list[dict[str, Any]]:
    rates = [Decimal(rate) for rate in rand.choice([[], ["0.19"], ["0.07"], ["0.0625", "0.01"], ["0.2"]])]
    base = value / (1 + sum(rates)) if taxes_included else value
    return [
        {"rate": float(each), "price_set": money((base * each).quantize(CENT, ROUND_HALF_UP))}
        for each in rates
    ]


def owed(line: dict[str, Any], *, taxes_included: bool) -> Decimal:
    offs = sum((amount(each["amount_set"]) for each in line["discount_allocations"]), Decimal(0))
    taxes = sum((amount(each["price_set"]) for each in line["tax_lines"]), Decimal(0))
    return amount(line["price_set"]) * Decimal(line["quantity"]) - offs + (0 if taxes_included else taxes)


def allocation(value: Decimal) -> dict[str, Any]:
    return {"amount_set": money(value), "discount_application_index": 0}


def some(rand: random.Random, least: int, most: int) -> Decimal:
    return rand.randint(least, most) * CENT


def money(value: Decimal) -> dict[str, Any]:
    return {
        "presentment_money": {"amount": str(value), "currency_code": "EUR"},
        "shop_money": {"amount": "0.00", "currency_code": "USD"},
    }


def amount(of: dict[str, Any]) -> Decimal:
    return Decimal(of["presentment_money"]["amount"])
