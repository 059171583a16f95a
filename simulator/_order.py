"""An order in progress: what is still open, what was collected, what was given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from simulator._basket import Line
from simulator._catalogue import Market
from simulator._chance import Chance
from simulator._money import cents
from simulator._people import Customer


@dataclass(frozen=True, slots=True)
class Payment:
    """How an order is paid: `moment` says when the money is collected."""

    method: str
    psp: str
    moment: str
    brand: str | None = None
    last_four: str | None = None

    def data(self) -> dict[str, Any]:
        """What every payment event says of it."""
        card = {"brand": self.brand, "funding": "credit", "last_four": self.last_four} if self.brand else None
        wallet = "paypal" if self.method == "wallet" else None
        return {
            "payment_method": self.method,
            "psp": self.psp,
            "merchant_account": f"aurelia-{self.psp}",
            "card": card,
            "wallet_provider": wallet,
        }


@dataclass(slots=True)
class Order:
    """An order; amounts are cents in its currency.

    At every time, sold - cancelled - returned = captured - refunded + owed, with owed never below nothing.
    """

    order_id: str
    market: Market
    channel: str
    customer: Customer
    lines: list[Line]
    shipping: int
    total: int
    payment: Payment
    store_id: str | None
    payment_id: str = ""
    authorization_id: str | None = None
    attempts: int = 0
    captured: int = 0
    refunded: int = 0
    cancelled: int = 0
    returned: int = 0
    shipments: int = 0
    waits: int = 0

    @property
    def open_lines(self) -> list[Line]:
        """Lines with units that are neither sent nor cancelled."""
        return [line for line in self.lines if line.open_units]

    @property
    def owed(self) -> int:
        """What the customer has still to pay."""
        return self.total - self.cancelled - self.returned - self.captured + self.refunded

    def payment_data(self, amount: int) -> dict[str, Any]:
        """What every event of the running payment has in common."""
        return {
            "payment_id": self.payment_id,
            "order_id": self.order_id,
            "customer_id": self.customer.customer_id,
            "amount": cents(amount),
            "currency_code": self.market.currency,
            **self.payment.data(),
        }


NUMERIC_PSP: Final = "adyen"
"""The PSP that still sends numeric failure codes: payment_failed v1."""

_KINDS: Final[Sequence[tuple[str, str]]] = (
    *[("card", "dispatch")] * 11,
    *[("wallet", "order")] * 5,
    *[("bank_transfer", "transfer")] * 2,
    *[("invoice", "invoice")] * 2,
)


def choose_payment(rng: Chance, marketplace: str | None) -> Payment:
    """A means of payment; marketplaces collect themselves."""
    if marketplace:
        return Payment("other", marketplace, "transfer")
    method, moment = rng.pick(_KINDS)
    if method == "card":
        brand = rng.pick(("visa", "mastercard", "amex"))
        return Payment(method, rng.pick((NUMERIC_PSP, "stripe")), moment, brand, f"{rng.below(10_000):04d}")
    return Payment(method, rng.pick((NUMERIC_PSP, "stripe")) if method == "wallet" else "aurelia-pay", moment)
