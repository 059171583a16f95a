"""Visits: pages, searches, products and carts, some of which end in a checkout."""

from __future__ import annotations

from typing import Any, Final

from simulator._basket import Line, price
from simulator._catalogue import CATEGORIES, WAREHOUSE, Article
from simulator._money import cents
from simulator._orders import Checkout, place_order
from simulator._people import Cart, Customer, Device
from simulator._promotions import COUPON
from simulator._registration import register
from simulator._shop import Shop
from simulator._timeline import SECOND

_EXPERIMENTS: Final = (("EXP-NAV", "Flat navigation"), ("EXP-PDP", "Larger product pictures"))
_CAMPAIGNS: Final = (
    ("google", "cpc", "brand-search"),
    ("newsletter", "email", "weekly-news"),
    ("instagram", "social", "autumn-looks"),
)
_TITLES: Final = {
    page_type: f"{page_type.capitalize()} | Aurelia"
    for page_type in ("home", "category", "product", "search", "cart", "checkout", "confirmation", "account")
}
_BASKET_LIMIT: Final = 6
_MOST_PAUSE: Final = 70 * SECOND


def visit(shop: Shop) -> None:
    """One visit from landing to leaving. All its events are sent at once, each with its own time."""
    _Visit(shop, shop.people.visitor(shop.now)).run()


def glance(shop: Shop) -> None:
    """A visit of one page."""
    _Visit(shop, shop.people.visitor(shop.now)).land()


class _Visit:
    def __init__(self, shop: Shop, device: Device) -> None:
        self._shop, self._rng, self._device = shop, shop.rng, device
        self._market = device.market
        self._at = shop.now
        self._session_id = f"s-{shop.rng.token()}"
        self._root = "app:/" if device.channel == "app" else self._market.host
        self._customer: Customer | None = None
        self._who: dict[str, Any] = {}
        self._sign_in(device.owner if shop.rng.chance(0.6) else None)
        self._screen = {
            "device_type": device.device_type,
            "app_version": device.app_version,
            "locale": self._market.locale,
            "country_code": self._market.country,
        }
        self._browser = {
            "viewport_width_px": 390 if device.device_type == "mobile" else 1_440,
            "os_name": device.os_name,
            "browser_name": device.browser_name,
            **self._screen,
        }

    def run(self) -> None:
        """Land, look around, and perhaps buy."""
        self.land()
        self._meet_experiment()
        if self._rng.chance(0.25):
            return
        if self._device.owner is None and self._rng.chance(0.04):
            self._sign_up()
        for _ in range(self._rng.between(1, 5)):
            self._look_around()
        cart = self._device.cart
        if cart and cart.units and self._rng.chance(0.6):
            self._check_out(cart)

    def land(self) -> None:
        """The first page, with the campaign that led to it."""
        source, medium, name = self._rng.pick(_CAMPAIGNS) if self._rng.chance(0.4) else (None, None, None)
        self._page(
            "home",
            "/",
            is_landing_page=True,
            campaign_source=source,
            campaign_medium=medium,
            campaign_name=name,
            referrer_url="https://www.google.com/" if source == "google" else None,
        )

    def _sign_in(self, customer: Customer | None) -> None:
        self._customer = customer
        self._who = {
            "visitor_id": self._device.visitor_id,
            "session_id": self._session_id,
            "customer_id": customer.customer_id if customer else None,
        }

    def _send(self, event_type: str, data: dict[str, Any]) -> None:
        channel = self._device.channel
        is_app = channel == "app"
        self._shop.outbox.emit(
            event_type, self._at, data, channel=channel, correlation=self._session_id, may_be_late=is_app
        )
        self._at += SECOND + self._rng.below(_MOST_PAUSE)

    def _page(self, page_type: str, path: str, **data: Any) -> None:
        page = {
            **self._who,
            "page_url": self._root + path,
            "page_type": page_type,
            "page_title": _TITLES[page_type],
            "page_view_id": self._rng.token(),
            "load_duration_ms": self._rng.between(180, 2_400),
            **self._browser,
            **data,
        }
        self._send("page_viewed", page)

    def _meet_experiment(self) -> None:
        if not self._rng.chance(0.3):
            return
        key, name = self._rng.pick(_EXPERIMENTS)
        treated = int(self._device.visitor_id[-1], 16) % 2 == 1
        exposure = {
            **self._who,
            "experiment_id": key,
            "experiment_name": name,
            "variant_id": "treatment" if treated else "control",
            "variant_name": "Treatment" if treated else "Control",
            "is_control": not treated,
            "experiment_version": 1,
            "assignment_unit": "visitor",
            "allocation_rate": "0.5",
            "page_type": "home",
            "device_type": self._device.device_type,
            "country_code": self._market.country,
        }
        self._send("experiment_exposed", exposure)

    def _sign_up(self) -> None:
        self._page("account", "/account/register")
        self._sign_in(
            register(self._shop, self._market, self._device.channel, device=self._device, at=self._at)
        )
        self._at += 5 * SECOND

    def _look_around(self) -> None:
        article = self._shop.catalogue.wanted(self._rng)
        search_id = None
        if self._rng.chance(0.3):
            search_id = self._search(article)
        elif self._rng.chance(0.4):
            category = self._rng.pick(CATEGORIES)
            self._page("category", f"/c/{category.category_id}", category_id=category.category_id)
        self._product(article, search_id)
        if self._rng.chance(0.3):
            self._add(article)
        elif self._rng.chance(0.1):
            self._remove()

    def _search(self, article: Article) -> str:
        search_id = f"q-{self._rng.token()}"
        self._page("search", "/search")
        search = {
            **self._who,
            "query": article.name.split()[-1].lower(),
            "result_count": self._rng.between(1, 80),
            "search_id": search_id,
            "search_type": "text",
            "filters": [],
            "sort_order": "relevance",
            "page_number": 1,
            "page_size": 24,
            "top_product_ids": [article.product_id],
            "search_duration_ms": self._rng.between(20, 300),
            "page_url": f"{self._root}/search",
            **self._screen,
        }
        self._send("product_searched", search)
        return search_id

    def _product(self, article: Article, search_id: str | None) -> None:
        shop, market, path = self._shop, self._market, f"/p/{article.product_id}"
        self._page("product", path)
        stocked = shop.stock.level(WAREHOUSE, article.sku) > 0
        view = {
            **self._who,
            "product_id": article.product_id,
            "sku": article.sku,
            "price_amount": cents(market.shown(article.prices[market.currency])),
            "currency_code": market.currency,
            "is_tax_included": market.is_tax_shown,
            "category_id": article.category.category_id,
            "list_id": "search" if search_id else None,
            "list_position": 1 if search_id else None,
            "search_id": search_id,
            "availability": "in_stock" if stocked else "out_of_stock",
            "is_on_promotion": shop.promotions.best(article, None, self._at) is not None,
            "average_rating": article.rating,
            "review_count": article.reviews,
            "page_url": self._root + path,
            **self._screen,
        }
        self._send("product_viewed", view)

    def _add(self, article: Article) -> None:
        cart = self._device.cart
        if cart is None:
            cart = self._device.cart = Cart(f"ca-{self._rng.token()}")
        if len(cart.units) >= _BASKET_LIMIT or self._shop.stock.level(WAREHOUSE, article.sku) == 0:
            return
        quantity = 1 if self._rng.chance(0.75) else self._rng.between(2, 4)
        _, before = cart.units.get(article.sku, (article, 0))
        cart.units[article.sku] = (article, before + quantity)
        self._change_cart("cart_item_added", cart, article, quantity, added_from="product_page")

    def _remove(self) -> None:
        cart = self._device.cart
        if cart is None or not cart.units:
            return
        article, quantity = cart.units.pop(self._rng.pick(list(cart.units)))
        self._change_cart(
            "cart_item_removed", cart, article, quantity, removal_reason="customer", is_line_removed=True
        )

    def _change_cart(self, event_type: str, cart: Cart, article: Article, quantity: int, **data: Any) -> None:
        market = self._market
        change = {
            **self._who,
            "cart_id": cart.cart_id,
            "sku": article.sku,
            "product_id": article.product_id,
            "quantity": quantity,
            "unit_price_amount": cents(market.shown(article.prices[market.currency])),
            "currency_code": market.currency,
            "is_tax_included": market.is_tax_shown,
            "cart_item_count": cart.item_count,
            "cart_subtotal_amount": cents(cart.value(market)),
            **self._screen,
            **data,
        }
        self._send(event_type, change)

    def _check_out(self, cart: Cart) -> None:
        self._page("cart", "/cart")
        if self._rng.chance(0.3):
            return
        coupon = COUPON if self._rng.chance(0.15) else None
        lines = price(cart.units.values(), self._market, self._shop.promotions, self._at, coupon)
        self._sign_in(self._customer or self._device.owner)
        self._send("checkout_started", self._checkout_data(cart, lines, coupon))
        self._page("checkout", "/checkout")
        if self._rng.chance(0.75):
            self._device.cart = None
            self._order(cart, lines, coupon)

    def _checkout_data(self, cart: Cart, lines: list[Line], coupon: str | None) -> dict[str, Any]:
        shows_tax = self._market.is_tax_shown
        return {
            **self._who,
            "cart_id": cart.cart_id,
            "item_count": cart.item_count,
            "subtotal_amount": cents(sum(line.total if shows_tax else line.net for line in lines)),
            "currency_code": self._market.currency,
            "is_tax_included": shows_tax,
            "line_count": len(lines),
            "coupon_codes": [coupon] if coupon else [],
            "checkout_type": "signed_in" if self._customer else "guest",
            **self._screen,
        }

    def _order(self, cart: Cart, lines: list[Line], coupon: str | None) -> None:
        checkout = Checkout(
            market=self._market,
            channel=self._device.channel,
            lines=lines,
            customer=self._customer or self._shop.people.guest(self._market),
            coupon=coupon,
            cart_id=cart.cart_id,
            visitor_id=self._device.visitor_id,
            session_id=self._session_id,
        )
        self._shop.timeline.at(self._at, place_order, self._shop, checkout)
        self._at += 10 * SECOND
        self._page("confirmation", "/confirmation")
