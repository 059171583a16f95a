"""Stores: receipts with their tenders, and goods brought back to the counter."""

from __future__ import annotations

from typing import Any

from simulator._after_sale import return_line
from simulator._basket import Line, price, totals
from simulator._catalogue import Article, Store
from simulator._money import cents
from simulator._movements import Document, move
from simulator._people import Customer
from simulator._shop import Shop
from simulator._timeline import DAY, date_text

_NOTE = 1_000


def sell(shop: Shop) -> None:
    """One receipt; a shelf found empty sells nothing."""
    store = shop.rng.pick(shop.catalogue.stores)
    units = _basket(shop, store)
    if not units or not shop.outbox.room(1 + len(units), shop.now):
        return
    customer = shop.people.shopper(store.market, shop.now)
    lines = price(units, store.market, shop.promotions, shop.now)
    receipt_id = _emit_receipt(shop, store, lines, customer)
    for line in lines:
        move(
            shop,
            store.store_id,
            line.article,
            -line.quantity,
            "sale",
            Document("receipt", receipt_id, receipt_id),
        )
    if shop.rng.chance(0.06):
        shop.later(shop.rng.between(DAY, 12 * DAY), _take_back, store, lines[0], receipt_id, customer)


def _basket(shop: Shop, store: Store) -> list[tuple[Article, int]]:
    catalogue, rng = shop.catalogue, shop.rng
    wanted = {
        store.shelf[rng.weighted(store.weights)]: rng.pick((1, 1, 1, 2, 3)) for _ in range(rng.between(1, 4))
    }
    found = [(catalogue.articles[i], quantity) for i, quantity in wanted.items()]
    return [(article, q) for article, q in found if shop.stock.level(store.store_id, article.sku) >= q]


def _emit_receipt(shop: Shop, store: Store, lines: list[Line], customer: Customer | None) -> str:
    receipt_id, register = shop.number("RC"), shop.rng.between(1, 4)
    sums = totals(lines)
    total = sums["subtotal_amount"] + sums["tax_amount"]
    data = {
        "receipt_id": receipt_id,
        "receipt_number": receipt_id[-4:],
        "store_id": store.store_id,
        "register_id": f"{store.store_id}-R{register}",
        "cashier_id": f"E-{store.store_id[3:]}{register}",
        "customer_id": customer.customer_id if customer else None,
        "loyalty_card_id": customer.card_id if customer else None,
        "business_date": date_text(shop.now),
        "currency_code": store.market.currency,
        **{name: cents(amount) for name, amount in sums.items()},
        "total_amount": cents(total),
        "lines": [{**line.data(), "gtin": line.article.gtin, "is_price_override": False} for line in lines],
        "tenders": _tenders(shop, total),
        "is_self_checkout": False,
        "is_employee_sale": False,
        "is_digital_receipt": customer is not None,
        "loyalty_points_earned": total // 100 if customer else None,
    }
    shop.outbox.emit(
        "sale_completed", shop.now, data, channel="store", correlation=receipt_id, may_be_late=True
    )
    return receipt_id


def _tenders(shop: Shop, total: int) -> list[dict[str, Any]]:
    """How a receipt was paid; change is a negative cash tender."""
    rng = shop.rng
    if rng.chance(0.6):
        return [
            {"tender_type": "card", "amount": cents(total), "card_brand": "visa", "reference": rng.token()}
        ]
    if rng.chance(0.2):
        gift = min(total, 2_000)
        rest = (
            [{"tender_type": "card", "amount": cents(total - gift), "card_brand": "mastercard"}]
            if total > gift
            else []
        )
        return [{"tender_type": "gift_card", "amount": cents(gift), "reference": rng.token()}, *rest]
    given = -(-total // _NOTE) * _NOTE
    change = [{"tender_type": "cash", "amount": cents(total - given)}] if given > total else []
    return [{"tender_type": "cash", "amount": cents(given)}, *change]


def _take_back(shop: Shop, store: Store, line: Line, receipt_id: str, customer: Customer | None) -> None:
    """One unit comes back to the counter; the till pays it out."""
    if not shop.outbox.room(2, shop.now):
        return
    values, return_id = line.take(1), shop.number("R")
    data = {
        "return_id": return_id,
        "receipt_id": receipt_id,
        "customer_id": customer.customer_id if customer else None,
        "location_id": store.store_id,
        "return_method": "store_counter",
        "currency_code": store.market.currency,
        "refund_amount": cents(sum(values)),
        "refund_method": "cash",
        "lines": [return_line(shop, line, values, is_restocked=True)],
    }
    shop.emit("return_received", data, channel="store", correlation=receipt_id)
    move(shop, store.store_id, line.article, 1, "return_restock", Document("return", return_id, receipt_id))
