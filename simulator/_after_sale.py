"""After the sale: orders are cancelled, sent in parts, delivered, and partly come back."""

from __future__ import annotations

from typing import Final

from simulator._basket import Line
from simulator._catalogue import WAREHOUSE
from simulator._collection import capture, refund, refund_time
from simulator._money import cents
from simulator._movements import Document, move
from simulator._order import Order
from simulator._shop import Shop
from simulator._timeline import DAY, HOUR, MINUTE, SECOND, date_text

_MOST_WAITS: Final = 4
_REASONS: Final = ("too_small", "too_large", "changed_mind", "defective", "not_as_described")

Sent = list[tuple[Line, list[int]]]
"""Units sent together, as their values by line."""


def fulfil(shop: Shop, order: Order) -> None:
    """Plan the dispatch of an accepted order, and perhaps a change of mind before it."""
    rng = shop.rng
    shop.later(rng.between(3 * HOUR, 30 * HOUR), _dispatch, order)
    if rng.chance(0.05):
        shop.later(rng.between(10 * MINUTE, 3 * HOUR), cancel_all, order, "customer_request", "customer")
    elif rng.chance(0.03) and len(order.lines) > 1:
        shop.later(rng.between(10 * MINUTE, 3 * HOUR), _cancel_line, order)


def cancel_all(shop: Shop, order: Order, reason: str, cancelled_by: str) -> None:
    """Cancel all that is still open. The shipping charge goes with it where nothing was sent."""
    _cancel(shop, order, [(line, len(line.open_units)) for line in order.open_lines], reason, cancelled_by)


def _cancel_line(shop: Shop, order: Order) -> None:
    lines = order.open_lines
    if len(lines) > 1:
        _cancel(shop, order, [(lines[0], 1)], "customer_request", "customer_service")


def _cancel(shop: Shop, order: Order, what: list[tuple[Line, int]], reason: str, cancelled_by: str) -> None:
    back = refund_time(shop)
    if not what or not shop.outbox.room(2, back):
        return
    taken = [(line, line.take(units)) for line, units in what]
    is_full = not order.shipments and not order.open_lines
    shipping = order.shipping if is_full else 0
    amount = sum(sum(values) for _, values in taken) + shipping
    order.cancelled += amount
    data = {
        "order_id": order.order_id,
        "cancellation_id": shop.number("CAN"),
        "reason": reason,
        "cancelled_by": cancelled_by,
        "customer_id": order.customer.customer_id,
        "currency_code": order.market.currency,
        "cancelled_amount": cents(amount),
        "cancelled_shipping_amount": cents(shipping),
        "is_full": is_full,
        "lines": [{**_units(line, values), "cancelled_amount": cents(sum(values))} for line, values in taken],
    }
    shop.emit("order_cancelled", data, channel=order.channel, correlation=order.order_id)
    if order.owed < 0:
        refund(shop, order, -order.owed, "cancellation", at=back)


def _units(line: Line, values: list[int]) -> dict[str, object]:
    return {"line_number": line.number, "sku": line.article.sku, "quantity": len(values)}


def _dispatch(shop: Shop, order: Order) -> None:
    """Send what is there; wait for the rest, but not for ever."""
    if not order.open_lines or not shop.outbox.room(2 + len(order.lines), shop.now + MINUTE):
        return
    sent = _pick(shop, order)
    if sent:
        _send(shop, order, sent)
    elif order.waits == _MOST_WAITS:
        cancel_all(shop, order, "out_of_stock", "warehouse")
    else:
        order.waits += 1
    if order.open_lines:
        shop.later(shop.rng.between(8 * HOUR, 30 * HOUR), _dispatch, order)


def _pick(shop: Shop, order: Order) -> Sent:
    lines = order.open_lines
    if len(lines) > 1 and not order.shipments and shop.rng.chance(0.35):
        lines = lines[: len(lines) // 2]
    found = [
        (line, min(len(line.open_units), shop.stock.level(WAREHOUSE, line.article.sku))) for line in lines
    ]
    return [(line, line.take(units)) for line, units in found if units]


def _send(shop: Shop, order: Order, sent: Sent) -> None:
    order.shipments += 1
    shipment_id = shop.number("SH")
    carrier = "own_fleet" if order.store_id else shop.rng.pick(("dhl", "ups", "dpd"))
    tracking = f"TR{shop.rng.token()}"
    _emit_dispatched(shop, order, sent, shipment_id, carrier, tracking)
    for line, values in sent:
        document = Document("shipment", shipment_id, order.order_id)
        move(shop, WAREHOUSE, line.article, -len(values), "sale", document)
    if order.payment.moment == "dispatch":
        shipping = order.shipping if order.shipments == 1 else 0
        amount = sum(sum(values) for _, values in sent) + shipping
        later = shop.now + shop.rng.between(6 * SECOND, 50 * SECOND)
        capture(shop, order, amount, at=later, shipment_id=shipment_id, is_final=not order.open_lines)
    shop.later(shop.rng.between(20 * HOUR, 96 * HOUR), _deliver, order, sent, shipment_id, carrier, tracking)


def _emit_dispatched(
    shop: Shop, order: Order, sent: Sent, shipment_id: str, carrier: str, tracking: str
) -> None:
    weight = sum(line.article.weight * len(values) for line, values in sent)
    data = {
        "shipment_id": shipment_id,
        "order_id": order.order_id,
        "carrier": carrier,
        "service_level": "pickup" if order.store_id else "standard",
        "tracking_number": tracking,
        "dispatched_from": WAREHOUSE,
        "expected_delivery_date": date_text(shop.now + 3 * DAY),
        "destination_country_code": order.market.country,
        "destination_store_id": order.store_id,
        "is_last_shipment": not order.open_lines,
        "lines": [_units(line, values) for line, values in sent],
        "parcels": [{"parcel_number": 1, "tracking_number": tracking, "weight_grams": weight}],
        "freight_cost_amount": cents(350 + weight // 20),
        "currency_code": "EUR",
    }
    shop.emit("shipment_dispatched", data, channel="back_office", correlation=order.order_id)


def _deliver(shop: Shop, order: Order, sent: Sent, shipment_id: str, carrier: str, tracking: str) -> None:
    data = {
        "shipment_id": shipment_id,
        "order_id": order.order_id,
        "carrier": carrier,
        "tracking_number": tracking,
        "delivered_to": "store_counter"
        if order.store_id
        else shop.rng.pick(("recipient", "neighbour", "safe_place")),
        "store_id": order.store_id,
        "attempt_count": shop.rng.between(1, 2),
        "parcel_count": 1,
        "is_damage_reported": False,
        "destination_country_code": order.market.country,
    }
    shop.emit("shipment_delivered", data, channel="back_office", correlation=order.order_id)
    if shop.rng.chance(0.16):
        shop.later(shop.rng.between(DAY, 9 * DAY), _take_back, order, sent)


def _take_back(shop: Shop, order: Order, sent: Sent) -> None:
    back = refund_time(shop)
    kept = [pair for pair in sent if shop.rng.chance(0.6)] or sent[:1]
    if not shop.outbox.room(2 + len(kept), back):
        return
    returned = [(line, values[: shop.rng.between(1, len(values))]) for line, values in kept]
    restocked = [shop.rng.chance(0.8) for _ in returned]
    amount = sum(sum(values) for _, values in returned)
    order.returned += amount
    return_id = shop.number("R")
    data = {
        "return_id": return_id,
        "order_id": order.order_id,
        "customer_id": order.customer.customer_id,
        "location_id": WAREHOUSE,
        "return_method": "marketplace" if order.channel == "marketplace" else "mail",
        "currency_code": order.market.currency,
        "refund_amount": cents(amount),
        "refunded_shipping_amount": cents(0),
        "return_fee_amount": cents(0),
        "refund_method": "original_payment",
        "lines": [
            return_line(shop, line, values, is_restocked=is_restocked)
            for (line, values), is_restocked in zip(returned, restocked, strict=True)
        ],
    }
    shop.emit("return_received", data, channel="back_office", correlation=order.order_id)
    for (line, values), is_restocked in zip(returned, restocked, strict=True):
        if is_restocked:
            move(
                shop,
                WAREHOUSE,
                line.article,
                len(values),
                "return_restock",
                Document("return", return_id, order.order_id),
            )
    if order.owed < 0:
        refund(shop, order, -order.owed, "return", at=back, return_id=return_id)


def return_line(shop: Shop, line: Line, values: list[int], *, is_restocked: bool) -> dict[str, object]:
    """One line of return_received."""
    return {
        **_units(line, values),
        "product_id": line.article.product_id,
        "reason": shop.rng.pick(_REASONS),
        "condition": "new" if is_restocked else "used",
        "is_restocked": is_restocked,
        "refund_amount": cents(sum(values)),
        "disposition": "restock" if is_restocked else "outlet",
    }
