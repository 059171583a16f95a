"""Money that moves: captures and refunds, to the cent."""

from __future__ import annotations

from simulator._money import cents
from simulator._order import Order
from simulator._shop import Shop
from simulator._timeline import DAY, SECOND, date_text


def capture(
    shop: Shop, order: Order, amount: int, *, at: int, shipment_id: str | None = None, is_final: bool = True
) -> None:
    """Collect an amount. The caller has asked for room."""
    order.captured += amount
    data = {
        **order.payment_data(amount),
        "capture_id": shop.number("CAP"),
        "authorization_id": order.authorization_id,
        "psp_reference": shop.rng.token(),
        "shipment_id": shipment_id,
        "is_final": is_final,
        "psp_fee_amount": cents(amount * 12 // 1_000),
        "expected_settlement_date": date_text(at + 2 * DAY),
        "installment_count": 1,
    }
    shop.emit("payment_captured", data, at=at, channel=order.channel, correlation=order.order_id)


def refund(
    shop: Shop, order: Order, amount: int, reason: str, *, at: int, return_id: str | None = None
) -> None:
    """Give an amount back. The caller has asked for room."""
    order.refunded += amount
    data = {
        **order.payment_data(amount),
        "refund_id": shop.number("REF"),
        "return_id": return_id,
        "psp_reference": shop.rng.token(),
        "reason": reason,
        "is_full": order.refunded == order.captured,
        "initiated_by": "system" if reason == "return" else "customer_service",
        "expected_settlement_date": date_text(at + 3 * DAY),
    }
    shop.emit("payment_refunded", data, at=at, channel=order.channel, correlation=order.order_id)


def refund_time(shop: Shop) -> int:
    """When the money of something given back or cancelled now is returned."""
    return shop.now + shop.rng.between(20 * SECOND, 1_800 * SECOND)
