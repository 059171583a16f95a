"""Book stock by location, which never goes below nothing."""

from __future__ import annotations


class Stock:
    """Book stock, in units by location and SKU."""

    def __init__(self) -> None:
        self._units: dict[tuple[str, str], int] = {}
        self._full: dict[tuple[str, str], int] = {}
        self._ordered: set[tuple[str, str]] = set()

    def level(self, location: str, sku: str) -> int:
        """Units on hand."""
        return self._units.get((location, sku), 0)

    def change(self, location: str, sku: str, units: int) -> int:
        """Add units (negative: take them); the level after it."""
        after = self.level(location, sku) + units
        if after < 0:
            raise AssertionError(f"{sku} at {location} would fall to {after}")
        self._units[location, sku] = after
        return after

    def open(self, location: str, sku: str, units: int) -> None:
        """Set the level that replenishment restores."""
        self._full[location, sku] = units

    def missing(self, location: str, sku: str) -> int:
        """Units to order now, or 0 while there is enough or an order runs."""
        key = (location, sku)
        lacking = self._full.get(key, 0) - self.level(location, sku)
        low = lacking * 4 >= self._full.get(key, 0) * 3
        return lacking if low and key not in self._ordered else 0

    def order(self, location: str, sku: str) -> None:
        """Note that a replenishment is under way."""
        self._ordered.add((location, sku))

    def arrived(self, location: str, sku: str) -> None:
        """Note that it is no longer."""
        self._ordered.discard((location, sku))
