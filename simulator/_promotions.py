"""Promotions: the rule that was published is the rule that discounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator._catalogue import Article, Category
from simulator._timeline import time_text

COUPON = "WELCOME10"


@dataclass(frozen=True, slots=True)
class Promotion:
    """A percentage off a category, or off everything for those who give the coupon code."""

    promotion_id: str
    name: str
    percent: int
    category: Category | None
    coupon_code: str | None
    starts: int
    ends: int

    def data(self) -> dict[str, Any]:
        """The data of promotion_published."""
        return {
            "promotion_id": self.promotion_id,
            "name": self.name,
            "promotion_type": "percent_off",
            "discount_percent": self.percent,
            "starts_at": time_text(self.starts),
            "ends_at": time_text(self.ends),
            "coupon_code": self.coupon_code,
            "category_ids": [self.category.category_id] if self.category else None,
            "campaign_id": f"CMP-{self.promotion_id[-3:]}",
            "campaign_name": self.name,
            "audience": "everyone",
            "is_combinable": False,
            "funded_by": "retailer",
            "is_active": True,
        }


class Promotions:
    """The promotions that were published: at most one a category, and at most one coupon."""

    def __init__(self) -> None:
        self._published: dict[str, Promotion] = {}

    def publish(self, promotion: Promotion) -> None:
        """Put a promotion in place of the one before it."""
        self._published[promotion.category.category_id if promotion.category else COUPON] = promotion

    def best(self, article: Article, coupon: str | None, now: int) -> Promotion | None:
        """The promotion that reduces the price most, or None."""
        by_category = self._running(article.category.category_id, now)
        by_coupon = self._running(COUPON, now) if coupon else None
        if by_category and by_coupon:
            return max(by_category, by_coupon, key=lambda promotion: promotion.percent)
        return by_category or by_coupon

    def _running(self, key: str, now: int) -> Promotion | None:
        promotion = self._published.get(key)
        return promotion if promotion and promotion.starts <= now < promotion.ends else None
