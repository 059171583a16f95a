"""What the head office does: opening the shop, and its daily work."""

from __future__ import annotations

from typing import Final

from simulator._catalogue import CATEGORIES, MARKETS, WAREHOUSE, Category
from simulator._money import cents, rate_text
from simulator._movements import count, open_stock
from simulator._people import any_market
from simulator._promotions import COUPON, Promotion
from simulator._registration import reconsider, register, update
from simulator._shop import Shop
from simulator._timeline import DAY, HOUR, MINUTE, SECOND, date_text, time_text

_OPENING: Final = 2 * MINUTE
_SHARE_CHANGED: Final = 0.02
_SHARE_COUNTED: Final = 0.02
_PROMOTED_AT_ONCE: Final = 3


def first_rates() -> dict[str, int]:
    """What one unit is worth in EUR before the first day, in millionths."""
    return {"USD": 920_000, "GBP": 1_160_000}


def open_shop(shop: Shop, rates: dict[str, int], customers: int, units: int) -> None:
    """Publish the catalogue, the promotions and the rates, book the opening stock and load the customers.

    Args:
        shop: the shop, with nothing in it but its catalogue.
        rates: exchange rates, carried on from day to day.
        customers: how many are known from before.
        units: what the whole stock of one location adds up to.
    """
    start, rng = shop.window.start, shop.rng
    publish_rates(shop, rates)
    for article in shop.catalogue.articles:
        shop.emit(
            "product_updated",
            article.state(),
            at=start + rng.below(_OPENING),
            channel="back_office",
            correlation=article.sku,
        )
    _fill_shelves(shop, units)
    for category in [None, *rng.sample(CATEGORIES, _PROMOTED_AT_ONCE)]:
        publish_promotion(shop, category)
    for _ in range(customers):
        register(shop, any_market(rng), "back_office", at=start + rng.below(_OPENING))


def plan_day(shop: Shop, rates: dict[str, int], midnight: int) -> None:
    """Plan the work of one day, at times drawn over it."""
    rng, articles = shop.rng, len(shop.catalogue.articles)
    at = shop.timeline.at
    if midnight > shop.window.start:
        at(midnight, publish_rates, shop, rates)
    for _ in range(max(2, int(articles * _SHARE_CHANGED))):
        at(midnight + rng.between(2 * HOUR, 20 * HOUR), change_price, shop)
    for _ in range(max(1, int(articles * _SHARE_CHANGED) // 2)):
        at(midnight + rng.between(2 * HOUR, 20 * HOUR), change_article, shop)
    for _ in range(max(2, len(shop.people.customers) // 100)):
        at(midnight + rng.between(6 * HOUR, 22 * HOUR), reconsider, shop)
        at(midnight + rng.between(6 * HOUR, 22 * HOUR), update, shop)
    at(midnight + rng.between(8 * HOUR, 20 * HOUR), publish_promotion, shop, rng.pick(CATEGORIES))
    at(midnight + 5 * HOUR, count_shelves, shop)


def publish_rates(shop: Shop, rates: dict[str, int]) -> None:
    """Publish today's rates, each a step from yesterday's."""
    for i, (currency, rate) in enumerate(rates.items(), start=1):
        rates[currency] = rate * shop.rng.between(9_960, 10_040) // 10_000
        data = {
            "base_currency_code": currency,
            "quote_currency_code": "EUR",
            "rate": rate_text(rates[currency]),
            "rate_date": date_text(shop.now),
            "provider": "ecb",
            "rate_type": "reference",
            "published_at": time_text(shop.now),
            "is_correction": False,
        }
        shop.emit("fx_rate_published", data, at=shop.now + i * SECOND, channel="back_office")


def publish_promotion(shop: Shop, category: Category | None) -> None:
    """Publish a promotion on a category, or the coupon for everything."""
    promotion = Promotion(
        promotion_id=shop.number("PR"),
        name=f"{category.name} days" if category else "Welcome",
        percent=shop.rng.pick((10, 15, 20, 30)) if category else 10,
        category=category,
        coupon_code=None if category else COUPON,
        starts=shop.now + MINUTE,
        ends=shop.now + (3 if category else 400) * DAY,
    )
    if shop.outbox.room(1, shop.now):
        shop.promotions.publish(promotion)
        shop.emit(
            "promotion_published", promotion.data(), channel="back_office", correlation=promotion.promotion_id
        )


def change_price(shop: Shop) -> None:
    """Set a new price of one article in one price list."""
    if not shop.outbox.room(1, shop.now):
        return
    article, market = shop.catalogue.wanted(shop.rng), shop.rng.pick(MARKETS)
    before = article.prices[market.currency]
    after = max(200, before * shop.rng.between(85, 112) // 100)
    article.prices[market.currency] = after
    data = {
        "sku": article.sku,
        "product_id": article.product_id,
        "price_list_id": f"PL-{market.currency}",
        "currency_code": market.currency,
        "price_amount": cents(after),
        "previous_price_amount": cents(before),
        "price_type": "regular" if after >= before else "markdown",
        "valid_from_at": time_text(shop.now),
        "is_tax_included": False,
        "lowest_price_30_days_amount": cents(before) if after < before else None,
        "minimum_quantity": 1,
        "unit_of_measure": "piece",
        "change_reason": "algorithm" if after >= before else "markdown_plan",
    }
    shop.emit("price_changed", data, channel="back_office", correlation=article.sku)


def change_article(shop: Shop) -> None:
    """Publish one article again, with its weight measured anew or on its way out."""
    article = shop.rng.pick(shop.catalogue.articles)
    if shop.rng.chance(0.2):
        article.status = "phase_out"
    article.weight += shop.rng.between(1, 40)
    shop.emit("product_updated", article.state(), channel="back_office", correlation=article.sku)


def count_shelves(shop: Shop) -> None:
    """Count a few shelves of every location."""
    for location, articles in _assortments(shop):
        count_id = shop.number("CO")
        for i in shop.rng.sample(articles, max(1, int(len(articles) * _SHARE_COUNTED))):
            delay = shop.rng.between(MINUTE, 2 * HOUR)
            shop.timeline.at(shop.now + delay, count, shop, location, shop.catalogue.articles[i], count_id)


def _assortments(shop: Shop) -> list[tuple[str, tuple[int, ...]]]:
    everything = tuple(range(len(shop.catalogue.articles)))
    return [(WAREHOUSE, everything), *((s.store_id, s.shelf) for s in shop.catalogue.stores)]


def _fill_shelves(shop: Shop, units: int) -> None:
    catalogue = shop.catalogue
    for location, shelf in _assortments(shop):
        whole = sum(catalogue.demand[i] for i in shelf)
        for i in shelf:
            article, fair = catalogue.articles[i], int(units * catalogue.demand[i] / whole)
            open_stock(shop, location, article, max(8, fair), shop.window.start + shop.rng.below(_OPENING))
