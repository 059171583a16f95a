"""What is sold where: markets, stores, categories and articles."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

from simulator._chance import Chance
from simulator._money import cents, tax_on


@dataclass(frozen=True, slots=True)
class Market:
    """A country we sell to. `tax_rate` is in basis points, `price_percent` relates to prices in EUR."""

    country: str
    currency: str
    locale: str
    tax_rate: int
    price_percent: int
    is_tax_shown: bool
    cities: tuple[tuple[str, str], ...]

    @property
    def host(self) -> str:
        """Address of the storefront."""
        return f"https://www.aurelia.example/{self.country.lower()}"

    def shown(self, net: int) -> int:
        """A price as the storefront displays it."""
        return net + tax_on(net, self.tax_rate) if self.is_tax_shown else net


MARKETS: Final = (
    Market(
        "DE", "EUR", "de-DE", 1_900, 100, True, (("Berlin", "10115"), ("Hamburg", "20095"), ("Köln", "50667"))
    ),
    Market(
        "GB",
        "GBP",
        "en-GB",
        2_000,
        86,
        True,
        (("London", "SE1 9TG"), ("Leeds", "LS1 4DY"), ("Bristol", "BS1 5TR")),
    ),
    Market(
        "US", "USD", "en-US", 800, 108, False, (("Boston", "02108"), ("Austin", "73301"), ("Denver", "80202"))
    ),
    Market(
        "FR", "EUR", "fr-FR", 2_000, 100, True, (("Paris", "75011"), ("Lyon", "69002"), ("Lille", "59000"))
    ),
)
MARKET_WEIGHTS: Final = tuple(accumulate((40, 25, 20, 15)))
WAREHOUSE: Final = "WH-01"


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the main tree, with the nouns its articles are named by."""

    category_id: str
    department: str
    name: str
    nouns: tuple[str, ...]
    lowest_price: int


CATEGORIES: Final = (
    Category("C-101", "Menswear", "Shirts", ("Oxford Shirt", "Linen Shirt", "Polo"), 2_490),
    Category("C-102", "Menswear", "Trousers", ("Chinos", "Jeans", "Cargo Trousers"), 3_990),
    Category("C-201", "Womenswear", "Dresses", ("Wrap Dress", "Maxi Dress", "Shirt Dress"), 4_490),
    Category("C-202", "Womenswear", "Knitwear", ("Cardigan", "Merino Jumper", "Poncho"), 3_590),
    Category("C-301", "Home", "Kitchen", ("Saucepan", "Teapot", "Chef's Knife"), 1_290),
    Category("C-302", "Home", "Textiles", ("Bed Linen", "Cushion", "Throw"), 990),
    Category("C-401", "Sport", "Running", ("Running Shoe", "Windbreaker", "Cap"), 1_990),
    Category("C-402", "Sport", "Outdoor", ("Backpack", "Tent", "Headlamp"), 2_990),
)
_BRANDS = ("Norrland", "Aurelia Basics", "Fjellvik", "Castellan", "Moor & Finch")
_WORDS = ("Classic", "Nova", "Alder", "Tidal", "Ember", "Slate", "Willow", "Polar", "Cedar", "Mica")
_COLOURS = ("black", "navy", "olive", "cream", "rust", "grey")
_SIZES = ("S", "M", "L", "XL")


@dataclass(slots=True)
class Article:
    """A sellable variant. Prices are net cents by currency, costs cents in EUR."""

    sku: str
    product_id: str
    name: str
    brand: str
    category: Category
    colour: str
    size: str
    gtin: str
    cost: int
    weight: int
    launched: str
    prices: dict[str, int]
    lowest: dict[str, int] = field(default_factory=dict)
    status: str = "active"

    @property
    def rating(self) -> float:
        """Average review score."""
        return 3.0 + len(self.name) % 20 / 10

    @property
    def reviews(self) -> int:
        """Number of reviews."""
        return self.cost % 97

    def state(self) -> dict[str, Any]:
        """The data of product_updated."""
        return {
            "product_id": self.product_id,
            "sku": self.sku,
            "gtin": self.gtin,
            "name": self.name,
            "brand": self.brand,
            "brand_type": "private_label" if self.brand.startswith("Aurelia") else "national",
            "category_id": self.category.category_id,
            "category_path": f"{self.category.department} > {self.category.name}",
            "department": self.category.department,
            "list_price_amount": cents(self.prices["EUR"]),
            "is_tax_included": False,
            "cost_amount": cents(self.cost),
            "currency_code": "EUR",
            "tax_class": "standard",
            "is_active": True,
            "lifecycle_status": self.status,
            "launch_date": self.launched,
            "color": self.colour,
            "size": self.size,
            "unit_of_measure": "piece",
            "weight_grams": self.weight,
            "dimensions": {"length_mm": 300, "width_mm": 220, "height_mm": 40 + self.weight // 20},
            "supplier_id": f"SUP-{self.category.category_id[2:]}",
            "origin_country_code": "PT",
        }


@dataclass(frozen=True, slots=True)
class Store:
    """A store: its market and the articles on its shelves (indices, with cumulative weights)."""

    store_id: str
    market: Market
    shelf: tuple[int, ...]
    weights: tuple[float, ...]


class Catalogue:
    """All articles, the most wanted first, and all stores."""

    def __init__(self, rng: Chance, articles: int, stores: int, launched: str) -> None:
        self.articles: list[Article] = []
        while len(self.articles) < articles:
            self.articles += make_product(rng, len(self.articles), launched)
        self.demand = [1 / (i + 8) for i in range(len(self.articles))]
        self.weights = list(accumulate(self.demand))
        self.stores = [self._store(rng, i) for i in range(stores)]

    def wanted(self, rng: Chance) -> Article:
        """An article by popularity."""
        return self.articles[rng.weighted(self.weights)]

    def _store(self, rng: Chance, number: int) -> Store:
        shelf = tuple(i for i in range(len(self.articles)) if rng.chance(0.4)) or (0,)
        weights = tuple(accumulate(self.demand[i] for i in shelf))
        return Store(f"ST-{number + 1:03d}", MARKETS[number % len(MARKETS)], shelf, weights)


def make_product(rng: Chance, number: int, launched: str) -> list[Article]:
    """One product with one to three variants, which share its price."""
    category, brand = rng.pick(CATEGORIES), rng.pick(_BRANDS)
    name = f"{brand} {rng.pick(_WORDS)} {rng.pick(category.nouns)}"
    price = category.lowest_price + 100 * rng.below(80)
    colours = rng.sample(_COLOURS, rng.between(1, 3))
    return [
        Article(
            sku=f"SKU-{number + i + 1:05d}",
            product_id=f"P-{number + 1:05d}",
            name=name,
            brand=brand,
            category=category,
            colour=colour,
            size=rng.pick(_SIZES),
            gtin=f"40{number + i + 1:011d}",
            cost=price * rng.between(35, 60) // 100,
            weight=rng.between(100, 2_500),
            launched=launched,
            prices={m.currency: price * m.price_percent // 100 for m in reversed(MARKETS)},
        )
        for i, colour in enumerate(colours)
    ]
