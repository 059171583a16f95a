"""Orders: placed from a checkout or a marketplace, then paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulator._basket import Line, price, totals
from simulator._catalogue import WAREHOUSE, Market
from simulator._money import cents
from simulator._order import Order, Payment, choose_payment
from simulator._payments import pay
from simulator._people import Customer, any_market
from simulator._shop import Shop
from simulator._timeline import DAY, date_text

_MARKETPLACES: Final = ("amazon", "zalando", "otto")
_FREE_SHIPPING_FROM: Final = 9_900
_SHIPPING: Final = 490


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a visitor, or a marketplace, sends off as an order."""

    market: Market
    channel: str
    lines: list[Line]
    customer: Customer
    coupon: str | None = None
    cart_id: str | None = None
    visitor_id: str | None = None
    session_id: str | None = None
    marketplace: str | None = None


def place_marketplace_order(shop: Shop) -> None:
    """An order from outside: no visit of ours leads to it, and the marketplace knows the customer."""
    market = any_market(shop.rng)
    articles = {a.sku: a for a in (shop.catalogue.wanted(shop.rng) for _ in range(shop.rng.between(1, 2)))}
    units = [(a, 1) for a in articles.values() if shop.stock.level(WAREHOUSE, a.sku)]
    if not units:
        return
    lines = price(units, market, shop.promotions, shop.now)
    guest = shop.people.guest(market)
    place_order(shop, Checkout(market, "marketplace", lines, guest, marketplace=shop.rng.pick(_MARKETPLACES)))


def place_order(shop: Shop, checkout: Checkout) -> None:
    """Accept an order and go on to its payment."""
    if not shop.outbox.room(1, shop.now):
        return
    payment = choose_payment(shop.rng, checkout.marketplace)
    order = _order(shop, checkout, payment)
    _emit_placed(shop, checkout, order)
    pay(shop, order)


def _order(shop: Shop, checkout: Checkout, payment: Payment) -> Order:
    sums = totals(checkout.lines)
    shipping = 0 if sums["subtotal_amount"] >= _FREE_SHIPPING_FROM else _SHIPPING
    collects = checkout.marketplace is None and shop.rng.chance(0.15)
    stores = (
        [s.store_id for s in shop.catalogue.stores if s.market.country == checkout.market.country]
        if collects
        else []
    )
    return Order(
        order_id=shop.number("O"),
        market=checkout.market,
        channel=checkout.channel,
        customer=checkout.customer,
        lines=checkout.lines,
        shipping=shipping,
        total=sums["subtotal_amount"] + sums["tax_amount"] + shipping,
        payment=payment,
        store_id=shop.rng.pick(stores) if stores else None,
    )


def _emit_placed(shop: Shop, checkout: Checkout, order: Order) -> None:
    customer, market = order.customer, order.market
    rate = market.tax_rate
    data = {
        "order_id": order.order_id,
        "order_number": order.order_id[-7:],
        "cart_id": checkout.cart_id,
        "customer_id": customer.customer_id,
        "email_hash": None if checkout.marketplace else customer.email_hash,
        "visitor_id": checkout.visitor_id,
        "session_id": checkout.session_id,
        "currency_code": market.currency,
        **{name: cents(amount) for name, amount in totals(order.lines).items()},
        "shipping_amount": cents(order.shipping),
        "total_amount": cents(order.total),
        "shipping_tax_amount": cents(order.shipping - order.shipping * 10_000 // (10_000 + rate)),
        "lines": [
            {**line.data(), "fulfilment_location_id": WAREHOUSE, "is_gift": False} for line in order.lines
        ],
        "shipping_address": None if order.store_id else customer.address(),
        "billing_address": customer.address(),
        "delivery_method": "click_and_collect" if order.store_id else "home_delivery",
        "promised_delivery_date": date_text(shop.now + 5 * DAY),
        "store_id": order.store_id,
        "coupon_codes": [checkout.coupon] if checkout.coupon else [],
        "payment_method": order.payment.method,
        "marketplace_name": checkout.marketplace,
        "marketplace_order_id": f"{checkout.marketplace}-{shop.rng.token()}"
        if checkout.marketplace
        else None,
        "price_list_id": f"PL-{market.currency}",
        "loyalty_card_id": customer.card_id if customer.customer_id else None,
        "is_business_order": False,
        "locale": market.locale,
    }
    shop.emit("order_placed", data, channel=order.channel, correlation=order.order_id)
