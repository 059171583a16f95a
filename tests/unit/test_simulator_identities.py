from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest
from simulated import SHOPS, Events, events_by_type

pytestmark = pytest.mark.parametrize("shop", SHOPS, indirect=True, ids=str)


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Events:
    seed, days = request.param
    return events_by_type(seed, days)


def _sum(items: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(item[name]) for item in items), Decimal(0))


def _by_order(events: list[dict[str, Any]]) -> dict[str | None, list[dict[str, Any]]]:
    found = defaultdict(list)
    for event in events:
        found[event.get("order_id")].append(event)
    return found


def test_lines_and_totals_add_up(shop: Events) -> None:
    for sale in (*shop["order_placed"], *shop["sale_completed"]):
        for line in sale["lines"]:
            worth = line["quantity"] * Decimal(line["unit_price_amount"])
            assert Decimal(line["net_amount"]) == worth - Decimal(line["discount_amount"])
            assert Decimal(line["total_amount"]) == Decimal(line["net_amount"]) + Decimal(line["tax_amount"])
            assert abs(
                Decimal(line["net_amount"]) * Decimal(line["tax_rate"]) - Decimal(line["tax_amount"])
            ) <= Decimal("0.005")
        assert Decimal(sale["subtotal_amount"]) == _sum(sale["lines"], "net_amount")
        assert Decimal(sale["discount_amount"]) == _sum(sale["lines"], "discount_amount")
        assert Decimal(sale["tax_amount"]) == _sum(sale["lines"], "tax_amount")
        parts = [sale[name] for name in ("subtotal_amount", "tax_amount", "shipping_amount") if name in sale]
        assert Decimal(sale["total_amount"]) == sum(map(Decimal, parts))


def test_tenders_add_up_to_the_receipt(shop: Events) -> None:
    for sale in shop["sale_completed"]:
        assert _sum(sale["tenders"], "amount") == Decimal(sale["total_amount"])


def test_every_order_balances(shop: Events) -> None:
    captures, refunds = _by_order(shop["payment_captured"]), _by_order(shop["payment_refunded"])
    cancels, returns = _by_order(shop["order_cancelled"]), _by_order(shop["return_received"])
    for order in shop["order_placed"]:
        key, total = order["order_id"], Decimal(order["total_amount"])
        captured, refunded = _sum(captures[key], "amount"), _sum(refunds[key], "amount")
        cancelled, returned = _sum(cancels[key], "cancelled_amount"), _sum(returns[key], "refund_amount")
        assert captured <= total
        assert refunded <= captured
        owed = total - cancelled - returned - captured + refunded
        assert owed >= 0
        if captured == total:
            assert owed == 0
    orders = {order["order_id"] for order in shop["order_placed"]}
    assert set(captures) | set(refunds) | set(cancels) | set(returns) <= orders | {None}


def test_cancellations_and_returns_add_up_and_take_no_more_than_was_there(shop: Events) -> None:
    shipped: Counter[tuple[str, int]] = Counter()
    for shipment in shop["shipment_dispatched"]:
        shipped.update({(shipment["order_id"], x["line_number"]): x["quantity"] for x in shipment["lines"]})
    ordered = {
        (o["order_id"], x["line_number"]): x["quantity"] for o in shop["order_placed"] for x in o["lines"]
    }
    cancelled: Counter[tuple[str, int]] = Counter()
    returned: Counter[tuple[str, int]] = Counter()
    for event in shop["order_cancelled"]:
        assert Decimal(event["cancelled_amount"]) == _sum(event["lines"], "cancelled_amount") + Decimal(
            event["cancelled_shipping_amount"]
        )
        cancelled.update({(event["order_id"], x["line_number"]): x["quantity"] for x in event["lines"]})
    for event in shop["return_received"]:
        assert Decimal(event["refund_amount"]) == _sum(event["lines"], "refund_amount")
        if event.get("order_id"):
            returned.update({(event["order_id"], x["line_number"]): x["quantity"] for x in event["lines"]})
    assert all(shipped[key] + cancelled[key] <= quantity for key, quantity in ordered.items())
    assert all(returned[key] <= shipped[key] for key in returned)


def test_shipping_is_given_back_only_with_the_whole_order(shop: Events) -> None:
    dispatched = {s["order_id"] for s in shop["shipment_dispatched"]}
    shipping = {o["order_id"]: o["shipping_amount"] for o in shop["order_placed"]}
    for event in shop["order_cancelled"]:
        assert event["cancelled_shipping_amount"] == (
            shipping[event["order_id"]] if event["is_full"] else "0.00"
        )
        assert not (event["is_full"] and event["order_id"] in dispatched)


def test_stock_follows_its_movements_and_never_goes_below_nothing(shop: Events) -> None:
    movements = [(e["occurred_at"], e, e["quantity"]) for e in shop["stock_received"]]
    movements += [(e["occurred_at"], e, e["quantity_change"]) for e in shop["stock_adjusted"]]
    level: Counter[tuple[str, str]] = Counter()
    for _, event, units in sorted(movements, key=lambda m: m[0]):
        key = event["location_id"], event["sku"]
        level[key] += units
        assert level[key] >= 0
        assert event.get("quantity_after", level[key]) == level[key]


def test_stock_falls_by_exactly_what_is_shipped_and_sold(shop: Events) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for shipment in shop["shipment_dispatched"]:
        expected.update({(shipment["shipment_id"], x["sku"]): -x["quantity"] for x in shipment["lines"]})
    for sale in shop["sale_completed"]:
        expected.update({(sale["receipt_id"], x["sku"]): -x["quantity"] for x in sale["lines"]})
    sales = {
        (e["reference_id"], e["sku"]): e["quantity_change"]
        for e in shop["stock_adjusted"]
        if e["reason"] == "sale"
    }
    assert sales == dict(expected)


def test_discounts_are_those_of_promotions_published_before(shop: Events) -> None:
    published = {p["promotion_id"]: p for p in shop["promotion_published"]}
    discounted = 0
    for sale in (*shop["order_placed"], *shop["sale_completed"]):
        for line in sale["lines"]:
            discount = Decimal(line["discount_amount"])
            assert (discount > 0) == bool(line["promotion_ids"])
            for key in line["promotion_ids"]:
                discounted += 1
                worth = line["quantity"] * Decimal(line["unit_price_amount"])
                share = Decimal(str(published[key]["discount_percent"])) / 100
                assert 0 <= worth * share - discount < Decimal("0.01")
                assert published[key]["starts_at"] <= sale["occurred_at"]
    assert discounted


def test_nothing_happens_before_its_cause(shop: Events) -> None:
    placed = {e["order_id"]: e["occurred_at"] for e in shop["order_placed"]}
    dispatched = {e["shipment_id"]: e["occurred_at"] for e in shop["shipment_dispatched"]}
    for event_type in (
        "payment_authorized",
        "payment_captured",
        "payment_failed",
        "shipment_dispatched",
        "order_cancelled",
    ):
        assert all(placed[e["order_id"]] < e["occurred_at"] for e in shop[event_type])
    assert all(dispatched[e["shipment_id"]] < e["occurred_at"] for e in shop["shipment_delivered"])
    checkouts = {e["cart_id"] for e in shop["checkout_started"]}
    assert {e["cart_id"] for e in shop["order_placed"] if e["channel"] != "marketplace"} <= checkouts


def test_customers_are_registered_before_they_are_known(shop: Events) -> None:
    registered = {e["customer_id"]: e["occurred_at"] for e in shop["customer_registered"]}
    for event_type, events in shop.items():
        if event_type != "customer_registered":
            assert all(
                registered[e["customer_id"]] <= e["occurred_at"] for e in events if e.get("customer_id")
            )


def test_channels_currencies_and_versions_occur(shop: Events) -> None:
    orders = shop["order_placed"]
    assert {o["channel"] for o in orders} == {"web", "app", "marketplace"}
    assert {o["currency_code"] for o in orders} == {"EUR", "USD", "GBP"}
    assert all(o["session_id"] is None for o in orders if o["marketplace_name"])
    by_psp = {(e["psp"], e["schema_version"]) for e in shop["payment_failed"]}
    assert by_psp == {("adyen", 1), ("stripe", 2)}
    assert {e["base_currency_code"] for e in shop["fx_rate_published"]} == {"USD", "GBP"}
    assert {e["quote_currency_code"] for e in shop["fx_rate_published"]} == {"EUR"}
