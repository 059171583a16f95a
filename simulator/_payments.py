"""Paying: refused, tried again, authorized; what follows is collected now or later."""

from __future__ import annotations

from typing import Final

from simulator._after_sale import cancel_all, fulfil
from simulator._collection import capture
from simulator._order import NUMERIC_PSP, Order
from simulator._shop import Shop
from simulator._timeline import DAY, HOUR, MINUTE, SECOND, time_text

_FAILURES: Final = (
    (51, "51", "insufficient_funds", "Insufficient funds"),
    (5, "R1", "do_not_honour", "Do not honour"),
    (54, "54A", "expired_card", "Expired card"),
)
"""Numeric code, text code, category and message."""

_SECONDS_TO_PAY: Final = 6


def pay(shop: Shop, order: Order) -> None:
    """Start a payment for an order just placed."""
    if order.payment.moment == "transfer":
        wait = (
            shop.rng.between(6, 40) * SECOND
            if order.channel == "marketplace"
            else shop.rng.between(1, 20) * HOUR
        )
        order.payment_id = shop.number("PAY")
        shop.later(wait, _settle, order)
    elif order.payment.moment == "invoice":
        order.payment_id = shop.number("PAY")
        fulfil(shop, order)
        shop.later(shop.rng.between(8 * DAY, 16 * DAY), _collect_invoice, order)
    else:
        shop.timeline.at(shop.now + _SECONDS_TO_PAY * SECOND, _attempt, shop, order)


def _attempt(shop: Shop, order: Order) -> None:
    """One attempt under a payment_id of its own."""
    order.attempts += 1
    order.payment_id = shop.number("PAY")
    if not shop.rng.chance(0.09):
        _authorize(shop, order)
        return
    _emit_failed(shop, order)
    if shop.rng.chance(0.7):
        shop.timeline.at(shop.now + shop.rng.between(MINUTE, 4 * MINUTE), _attempt, shop, order)
    else:
        shop.later(2 * HOUR, cancel_all, order, "payment_failed", "system")


def _emit_failed(shop: Shop, order: Order) -> None:
    number, text, category, message = shop.rng.pick(_FAILURES)
    is_numeric = order.payment.psp == NUMERIC_PSP
    data = {
        **order.payment_data(order.total),
        "psp_reference": shop.rng.token(),
        "failure_code": number if is_numeric else text,
        "failure_category": category,
        "failure_message": message,
        "failed_operation": "authorization",
        "attempt_number": order.attempts,
        "is_retryable": True,
        "risk_score": shop.rng.between(5, 60),
    }
    version = 1 if is_numeric else 2
    shop.emit("payment_failed", data, version=version, channel=order.channel, correlation=order.order_id)


def _authorize(shop: Shop, order: Order) -> None:
    if not shop.outbox.room(2, shop.now + MINUTE):
        return
    order.authorization_id = shop.number("AUT")
    data = {
        **order.payment_data(order.total),
        "psp_reference": shop.rng.token(),
        "authorization_id": order.authorization_id,
        "authorization_code": f"{shop.rng.below(1_000_000):06d}",
        "expires_at": time_text(shop.now + 7 * DAY),
        "three_d_secure_status": "frictionless",
        "risk_score": shop.rng.between(0, 40),
        "is_manual_review": False,
    }
    shop.emit("payment_authorized", data, channel=order.channel, correlation=order.order_id)
    if order.payment.moment == "order":
        capture(shop, order, order.total, at=shop.now + shop.rng.between(6 * SECOND, 40 * SECOND))
    fulfil(shop, order)


def _settle(shop: Shop, order: Order) -> None:
    """The transfer arrives, and the goods may go."""
    if shop.outbox.room(1, shop.now):
        capture(shop, order, order.total, at=shop.now)
        fulfil(shop, order)


def _collect_invoice(shop: Shop, order: Order) -> None:
    if order.owed and shop.outbox.room(1, shop.now):
        capture(shop, order, order.owed, at=shop.now)
