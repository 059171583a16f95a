"""Customers, and the devices that they and strangers browse with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from simulator._catalogue import MARKET_WEIGHTS, MARKETS, Article, Market
from simulator._chance import Chance

_FIRST = (
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Felix",
    "Grace",
    "Hugo",
    "Ida",
    "Jonas",
    "Léa",
    "Mila",
    "Noah",
    "Olga",
)
_LAST = (
    "Adler",
    "Brown",
    "Cole",
    "Dubois",
    "Evans",
    "Fischer",
    "Girard",
    "Hughes",
    "Koch",
    "Lambert",
    "Moore",
    "Novak",
)
_STREETS = ("Mill Lane", "Station Road", "Lindenweg", "Rue des Fleurs", "Oak Street", "Hafenstraße")
_TIERS = ("bronze", "silver", "gold")
_APPS = (("mobile", "iOS", None), ("mobile", "Android", None), ("tablet", "iOS", None))
_BROWSERS = (
    ("desktop", "Windows", "Chrome"),
    ("desktop", "macOS", "Safari"),
    ("mobile", "Android", "Chrome"),
    ("mobile", "iOS", "Safari"),
)
_KEPT_STRANGERS: Final = 4_000


@dataclass(slots=True)
class Cart:
    """Units by article, until ordered; it lives across the visits of one device."""

    cart_id: str
    units: dict[str, tuple[Article, int]] = field(default_factory=dict)

    @property
    def item_count(self) -> int:
        """Units over all articles."""
        return sum(quantity for _, quantity in self.units.values())

    def value(self, market: Market) -> int:
        """Worth in the market's currency, in cents, as displayed."""
        return sum(q * market.shown(article.prices[market.currency]) for article, q in self.units.values())


@dataclass(slots=True)
class Device:
    """A browser or an installed app; `visitor_id` is all that the shop sees of it."""

    visitor_id: str
    market: Market
    channel: str
    device_type: str
    os_name: str
    browser_name: str | None
    app_version: str
    owner: Customer | None = None
    cart: Cart | None = None


@dataclass(slots=True)
class Customer:
    """A customer; a guest has no `customer_id`."""

    customer_id: str | None
    market: Market
    first_name: str
    last_name: str
    email_hash: str
    card_id: str | None
    since: int
    street: str
    city: tuple[str, str]
    tier: str | None = None
    consents: dict[str, bool] = field(default_factory=dict)

    def address(self) -> dict[str, Any]:
        """The address as events carry it."""
        return {
            "country_code": self.market.country,
            "recipient_name": f"{self.first_name} {self.last_name}",
            "line_1": self.street,
            "city": self.city[0],
            "postal_code": self.city[1],
        }

    def state(self) -> dict[str, Any]:
        """The master data, as registered and as updated."""
        return {
            "customer_id": self.customer_id,
            "email_hash": self.email_hash,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "address": self.address(),
            "country_code": self.market.country,
            "preferred_language": self.market.locale,
            "loyalty_card_id": self.card_id,
            "loyalty_tier": self.tier,
            "customer_type": "consumer",
        }


class People:
    """Everyone the shop has met."""

    def __init__(self, rng: Chance, run: str) -> None:
        self.customers: list[Customer] = []
        self.devices: list[Device] = []
        self._strangers: list[Device] = []
        self._members: dict[str, list[Customer]] = {m.country: [] for m in MARKETS}
        self._rng = rng
        self._run = run

    def visitor(self, now: int) -> Device:
        """Whoever comes by next: a customer's device, a stranger seen before or a new one."""
        rng = self._rng
        if self.devices and rng.chance(0.6):
            device = rng.pick(self.devices)
            if device.owner and device.owner.since <= now:
                return device
        if self._strangers and rng.chance(0.4):
            return rng.pick(self._strangers)
        return self._stranger()

    def shopper(self, market: Market, now: int) -> Customer | None:
        """Who stands at a till: somebody with a loyalty card, or somebody unknown."""
        return self._known(self._members[market.country], now) if self._rng.chance(0.5) else None

    def anyone(self, now: int) -> Customer | None:
        """A customer registered by now."""
        return self._known(self.customers, now)

    def join(self, market: Market, device: Device | None, since: int) -> Customer:
        """A new customer. The device they registered with becomes theirs, and they have up to two more."""
        customer = self._customer(market, since)
        self.customers.append(customer)
        if customer.card_id:
            self._members[market.country].append(customer)
        if device:
            self._own(device, customer)
        for _ in range(self._rng.below(3)):
            self._own(self._device(market), customer)
        return customer

    def guest(self, market: Market) -> Customer:
        """Somebody who orders without an account; nobody remembers them."""
        guest = self._customer(market, since=0)
        guest.customer_id = None
        return guest

    def move(self, customer: Customer) -> list[str]:
        """Give a customer a new address or tier; the names of the fields that changed."""
        if customer.card_id and self._rng.chance(0.5):
            customer.tier = self._rng.pick(_TIERS)
            return ["loyalty_tier"]
        customer.street, customer.city = self._street(), self._rng.pick(customer.market.cities)
        return ["address"]

    def _own(self, device: Device, customer: Customer) -> None:
        device.owner = customer
        self.devices.append(device)

    def _known(self, customers: list[Customer], now: int) -> Customer | None:
        customer = self._rng.pick(customers) if customers else None
        return customer if customer and customer.since <= now else None

    def _customer(self, market: Market, since: int) -> Customer:
        rng, number = self._rng, len(self.customers) + 1
        first, last = rng.pick(_FIRST), rng.pick(_LAST)
        email = f"{first}.{last}.{rng.token()}@mail.example".lower()
        return Customer(
            customer_id=f"CU-{self._run}-{number:06d}",
            market=market,
            first_name=first,
            last_name=last,
            email_hash=hashlib.sha256(email.encode()).hexdigest(),
            card_id=f"LC-{self._run}-{number:06d}" if rng.chance(0.7) else None,
            since=since,
            street=self._street(),
            city=rng.pick(market.cities),
        )

    def _street(self) -> str:
        return f"{self._rng.pick(_STREETS)} {self._rng.between(1, 140)}"

    def _stranger(self) -> Device:
        device = self._device(any_market(self._rng))
        if len(self._strangers) < _KEPT_STRANGERS:
            self._strangers.append(device)
        else:
            self._strangers[self._rng.below(_KEPT_STRANGERS)] = device
        return device

    def _device(self, market: Market) -> Device:
        channel = "app" if self._rng.chance(0.35) else "web"
        kind, os_name, browser = self._rng.pick(_APPS if channel == "app" else _BROWSERS)
        version = "7.4.1" if channel == "app" else "2025.11"
        return Device(f"v-{self._rng.token()}", market, channel, kind, os_name, browser, version)


def any_market(rng: Chance) -> Market:
    """A market by its share of the trade."""
    return MARKETS[rng.weighted(MARKET_WEIGHTS)]
