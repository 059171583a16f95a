"""Customers register, change and give consent."""

from __future__ import annotations

from typing import Final

from simulator._catalogue import Market
from simulator._people import Customer, Device
from simulator._shop import Shop
from simulator._timeline import SECOND

_PURPOSES: Final = ("email_marketing", "personalization", "push_marketing", "analytics")


def register(
    shop: Shop,
    market: Market,
    channel: str,
    *,
    at: int,
    device: Device | None = None,
    store_id: str | None = None,
) -> Customer:
    """A new customer, who decides on two purposes at once."""
    customer = shop.people.join(market, device, at)
    data = {
        **customer.state(),
        "registered_via": "import" if channel == "back_office" else channel,
        "registration_store_id": store_id,
        "home_store_id": store_id,
        "visitor_id": device.visitor_id if device else None,
    }
    shop.emit("customer_registered", data, at=at, channel=channel, correlation=customer.customer_id)
    if channel != "back_office":
        for i, purpose in enumerate(_PURPOSES[:2], start=1):
            decide(shop, customer, purpose, channel, at=at + i * SECOND)
    return customer


def decide(shop: Shop, customer: Customer, purpose: str, channel: str, *, at: int) -> None:
    """Give a consent not given so far, or withdraw one that is."""
    before = customer.consents.get(purpose)
    granted = not before if before is not None else shop.rng.chance(0.7)
    customer.consents[purpose] = granted
    data = {
        "customer_id": customer.customer_id,
        "purpose": purpose,
        "is_granted": granted,
        "legal_basis": "consent",
        "captured_via": {"web": "web_form", "app": "app", "store": "store_till"}.get(
            channel, "preference_center"
        ),
        "policy_version": "2025-01",
        "consent_id": shop.number("CNS"),
        "is_previously_granted": before,
        "country_code": customer.market.country,
    }
    shop.emit("consent_changed", data, at=at, channel=channel, correlation=customer.customer_id)


def reconsider(shop: Shop) -> None:
    """Some customer changes their mind about some purpose."""
    customer = shop.people.anyone(shop.now)
    if customer:
        decide(shop, customer, shop.rng.pick(_PURPOSES), "web", at=shop.now)


def update(shop: Shop) -> None:
    """Some customer moves house or tier."""
    customer = shop.people.anyone(shop.now)
    if customer is None:
        return
    changed = shop.people.move(customer)
    data = {
        **customer.state(),
        "changed_fields": changed,
        "change_reason": "loyalty_change" if changed == ["loyalty_tier"] else "customer_edit",
        "is_active": True,
    }
    shop.emit("customer_updated", data, channel="web", correlation=customer.customer_id)
