"""The keys by which personal values become pseudonyms."""

from __future__ import annotations

import base64
import datetime as dt
import hmac

from msgspec import Struct

_LENGTH = 20
"""Bytes of a pseudonym: 160 bits, 32 letters."""


class PseudonymKey(Struct, frozen=True):
    """One key. While `bridged_until` is to come, pseudonyms under the key before it are written beside its own."""

    key_id: str
    key: bytes
    made_at: dt.datetime
    bridged_until: dt.datetime | None = None

    def pseudonym(self, value: str) -> str:
        """The value's pseudonym: HMAC-SHA256 under this key, cut to 160 bits, as `<key id>_<base32>`."""
        digest = hmac.digest(self.key, value.encode(), "sha256")[:_LENGTH]
        return f"{self.key_id}_{base64.b32encode(digest).decode().lower()}"


class KeysInForce(Struct, frozen=True):
    """The key that new rows are written with, and the one before it while that is bridged."""

    newest: PseudonymKey
    before: PseudonymKey | None = None


def keys_in_force(keys: list[PseudonymKey], now: dt.datetime) -> KeysInForce:
    """What holds `now` (with zone) of the keys, the oldest first."""
    *older, newest = keys
    is_bridged = bool(older) and newest.bridged_until is not None and now < newest.bridged_until
    return KeysInForce(newest, older[-1] if is_bridged else None)
