"""Movements of stock: it falls with sales, is replenished in time, counted and corrected."""

from __future__ import annotations

from typing import NamedTuple

from simulator._catalogue import WAREHOUSE, Article
from simulator._money import cents
from simulator._shop import Shop
from simulator._timeline import HOUR


class Document(NamedTuple):
    """What a movement was booked for."""

    kind: str
    number: str
    correlation: str | None = None


def open_stock(shop: Shop, location: str, article: Article, units: int, when: int) -> None:
    """Book the opening stock."""
    shop.stock.open(location, article.sku, units)
    _book_in(shop, location, article, units, when)


def move(shop: Shop, location: str, article: Article, units: int, reason: str, document: Document) -> None:
    """Book a movement now, and order more when the shelf runs low."""
    after = shop.stock.change(location, article.sku, units)
    shop.emit(
        "stock_adjusted",
        {
            "sku": article.sku,
            "location_id": location,
            "quantity_change": units,
            "reason": reason,
            "adjustment_id": shop.number("ADJ"),
            "reference_id": document.number,
            "reference_type": document.kind,
            "stock_status": "available",
            "quantity_after": after,
            "unit_cost_amount": cents(article.cost),
            "currency_code": "EUR",
        },
        channel=_channel(location),
        correlation=document.correlation,
    )
    lacking = shop.stock.missing(location, article.sku)
    if lacking:
        shop.stock.order(location, article.sku)
        shop.later(shop.rng.between(6 * HOUR, 30 * HOUR), _replenish, location, article, lacking)


def count(shop: Shop, location: str, article: Article, count_id: str) -> None:
    """Count one shelf; what is found to differ is corrected."""
    if not shop.outbox.room(2, shop.now):
        return
    expected = shop.stock.level(location, article.sku)
    found = max(0, expected + shop.rng.between(-2, 2)) if shop.rng.chance(0.3) else expected
    data = {
        "sku": article.sku,
        "location_id": location,
        "count_id": count_id,
        "counted_quantity": found,
        "expected_quantity": expected,
        "count_type": "cycle",
        "stock_status": "available",
        "is_recount": False,
    }
    shop.emit("stock_counted", data, channel=_channel(location), correlation=count_id)
    if found != expected:
        move(shop, location, article, found - expected, "correction", Document("count", count_id, count_id))


def _replenish(shop: Shop, location: str, article: Article, units: int) -> None:
    shop.stock.arrived(location, article.sku)
    _book_in(shop, location, article, units, shop.now)


def _book_in(shop: Shop, location: str, article: Article, units: int, when: int) -> None:
    if not shop.outbox.room(1, when):
        return
    shop.stock.change(location, article.sku, units)
    receipt = shop.number("GR")
    data = {
        "sku": article.sku,
        "location_id": location,
        "quantity": units,
        "supplier_id": f"SUP-{article.category.category_id[2:]}",
        "purchase_order_id": f"PO-{receipt}",
        "purchase_order_line_number": 1,
        "goods_receipt_id": receipt,
        "ordered_quantity": units,
        "rejected_quantity": 0,
        "unit_cost_amount": cents(article.cost),
        "currency_code": "EUR",
    }
    shop.emit("stock_received", data, at=when, channel=_channel(location), correlation=receipt)


def _channel(location: str) -> str:
    return "back_office" if location == WAREHOUSE else "store"
