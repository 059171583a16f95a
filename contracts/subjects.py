"""Data subjects: which fields say whom a record is of, and how the erased are remembered."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

IDENTIFIERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "login": "customer_id",
        "loyalty_card": "loyalty_card_id",
        "email": "email_hash",
        "phone": "phone_hash",
        "device": "visitor_id",
    }
)
"""Kinds of identifiers of a person, as identities know them, with the field that each is in wherever an event has it."""

ERASED: Final = b'{"erased":"by request"}'
"""What stands in raw in the place of a record that was erased: it keeps the numbers of the records behind it."""
_LENGTH: Final = 16


class Identifier(Struct, frozen=True, order=True):
    """One identifier of a person: its kind, and its value as events carry it."""

    kind: str
    value: str


class Erased(Struct, frozen=True):
    """The erased. By keyed hash of an identifier: what happened before that moment (UTC, without zone) is not let in again.

    `payloads` are hashes of the payloads of records that were erased, whether they carry an identifier or not. The key never rotates, as
    what was hashed could not be hashed again.
    """

    key: bytes
    subjects: Mapping[str, dt.datetime]
    payloads: frozenset[int]

    def hash_of(self, kind: str, value: str) -> str:
        """By what an identifier is remembered: HMAC-SHA256, cut to 128 bits, in hex."""
        return hmac.digest(self.key, f"{kind}|{value}".encode(), "sha256")[:_LENGTH].hex()

    def until(self, kind: str, value: str) -> dt.datetime | None:
        """Up to when what an identifier did is erased; None where nothing is."""
        return self.subjects.get(self.hash_of(kind, value))
