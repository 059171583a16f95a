"""Money in integer cents: exact by construction."""

from __future__ import annotations

from typing import Final

_FRACTIONS: Final = tuple(f".{cents:02d}" for cents in range(100))


def cents(amount: int) -> str:
    """An amount in cents as the decimal text that events carry."""
    if amount < 0:
        return f"-{cents(-amount)}"
    return f"{amount // 100}{_FRACTIONS[amount % 100]}"


def tax_on(net: int, rate: int) -> int:
    """Tax on a net amount, half a cent rounded up. `rate` is in basis points."""
    return (net * rate + 5_000) // 10_000


def unit_values(total: int, quantity: int) -> list[int]:
    """A line's value shared out over its units, so that any split of the units adds up to the line again."""
    return [total * (i + 1) // quantity - total * i // quantity for i in range(quantity)]


def rate_text(millionths: int) -> str:
    """An exchange rate in millionths as decimal text."""
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"
