"""From units and prices to lines whose amounts add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from simulator._catalogue import Article, Market
from simulator._money import cents, tax_on, unit_values
from simulator._promotions import Promotions


@dataclass(slots=True)
class Line:
    """One line of an order or receipt, in cents. `open_units` are the values of the units not yet sent or cancelled."""

    number: int
    article: Article
    quantity: int
    unit_price: int
    discount: int
    tax_rate: int
    promotion_id: str | None
    net: int = field(init=False)
    tax: int = field(init=False)
    total: int = field(init=False)
    open_units: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.net = self.quantity * self.unit_price - self.discount
        self.tax = tax_on(self.net, self.tax_rate)
        self.total = self.net + self.tax
        self.open_units = unit_values(self.total, self.quantity)

    def take(self, units: int) -> list[int]:
        """Take units out of what is open; their values."""
        taken, self.open_units = self.open_units[:units], self.open_units[units:]
        return taken

    def data(self) -> dict[str, Any]:
        """What order and receipt lines have in common."""
        return {
            "line_number": self.number,
            "sku": self.article.sku,
            "product_id": self.article.product_id,
            "product_name": self.article.name,
            "quantity": self.quantity,
            "unit_price_amount": cents(self.unit_price),
            "discount_amount": cents(self.discount),
            "net_amount": cents(self.net),
            "tax_amount": cents(self.tax),
            "tax_rate": f"0.{self.tax_rate:04d}",
            "total_amount": cents(self.total),
            "promotion_ids": [self.promotion_id] if self.promotion_id else [],
        }


def price(
    units: Iterable[tuple[Article, int]],
    market: Market,
    promotions: Promotions,
    now: int,
    coupon: str | None = None,
) -> list[Line]:
    """Lines at the prices and promotions in force now."""
    lines = []
    for number, (article, quantity) in enumerate(units, start=1):
        unit_price = article.prices[market.currency]
        promotion = promotions.best(article, coupon, now)
        discount = quantity * unit_price * promotion.percent // 100 if promotion else 0
        promotion_id = promotion.promotion_id if promotion else None
        lines.append(Line(number, article, quantity, unit_price, discount, market.tax_rate, promotion_id))
    return lines


def totals(lines: list[Line]) -> dict[str, int]:
    """Sums over lines in cents, by the names that orders and receipts give them."""
    return {
        "subtotal_amount": sum(line.net for line in lines),
        "discount_amount": sum(line.discount for line in lines),
        "tax_amount": sum(line.tax for line in lines),
    }
