"""Webhooks: what a sender posts to us, taken only where its signature holds."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from contracts.declarations import Declarations
from contracts.errors import StorageError, UsageError
from contracts.sources import Source
from ingestion.documents import Document, Intake, Received
from lakehouse.store import write_whole

REPLAY_WINDOW: Final = dt.timedelta(minutes=5)
"""How far a signed time may be from ours, before or after, as Standard Webhooks and Stripe advise."""
MOST_SECRETS: Final = 2
"""Secrets of one source that hold at a time: the newest, and the one before while the sender changes over."""

Headers: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request's headers claim: the signatures, any of which may hold; the bytes signed; and when, where that is signed too."""

    signatures: tuple[bytes, ...]
    content: bytes
    at: int | None = None


class RefusedError(UsageError):
    """The request is not from who it says, or too old; nothing was taken."""


def verify(scheme: str, secrets: list[str], headers: Headers, body: bytes, now: dt.datetime) -> None:
    """See that one of the secrets signed the request, and not long ago.

    Args:
        scheme: one of `contracts.sources.SIGNATURES`. `standard`: the Standard Webhooks specification; `stripe`, `shopify` and
            `segment`: as their documentation has it. The last two sign no time: what is sent again there is a duplicate by its event_id.
        secrets: as their sender shows them.
        headers: by lower-case names.
        body: as it came.
        now: the time now, with zone.

    Raises:
        RefusedError: when no signature holds, or its time is outside the window.
    """
    try:
        signed, digest, key_of = _SCHEMES[scheme](headers, body)
    except (KeyError, ValueError, binascii.Error) as e:
        raise RefusedError("The request carries no signature that can be read.") from e
    if signed.at is not None and abs(now.timestamp() - signed.at) > REPLAY_WINDOW.total_seconds():
        raise RefusedError("The request was signed too long ago, or in the future.")
    expected = [hmac.new(key_of(secret), signed.content, digest).digest() for secret in secrets]
    if not any(hmac.compare_digest(a, b) for a in expected for b in signed.signatures):
        raise RefusedError("The signature does not hold.")


_Read: TypeAlias = tuple[Signed, str, Callable[[str], bytes]]
"""The claim, the digest, and how a secret becomes a key."""


def _standard(headers: Headers, body: bytes) -> _Read:
    at = headers["webhook-timestamp"]
    content = f"{headers['webhook-id']}.{at}.".encode() + body
    given = (each.partition(",") for each in headers["webhook-signature"].split())
    found = tuple(
        base64.b64decode(signature, validate=True) for version, _, signature in given if version == "v1"
    )
    return Signed(found, content, int(at)), "sha256", _standard_key


def _standard_key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def _shopify(headers: Headers, body: bytes) -> _Read:
    signature = base64.b64decode(headers["x-shopify-hmac-sha256"], validate=True)
    return Signed((signature,), body), "sha256", str.encode


def _stripe(headers: Headers, body: bytes) -> _Read:
    parts = [part.strip().partition("=") for part in headers["stripe-signature"].split(",")]
    (at,) = (value for name, _, value in parts if name == "t")
    found = tuple(bytes.fromhex(value) for name, _, value in parts if name == "v1")
    return Signed(found, f"{at}.".encode() + body, int(at)), "sha256", str.encode


def _segment(headers: Headers, body: bytes) -> _Read:
    return Signed((bytes.fromhex(headers["x-signature"]),), body), "sha1", str.encode


_SCHEMES: Final[Mapping[str, Callable[[Headers, bytes], _Read]]] = {
    "standard": _standard,
    "shopify": _shopify,
    "stripe": _stripe,
    "segment": _segment,
}


class Secrets:
    """Secrets of webhooks: a file for each source, in a folder that only its owner may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, source: str, secret: str) -> None:
        """Keep a source's new secret; the one before it holds too, until the next.

        Raises:
            UsageError: when the secret is empty.
            StorageError: when it cannot be written.
        """
        if not secret.strip():
            raise UsageError(f"The secret of {source} is empty. Copy it from where {source} shows it.")
        kept = [secret.strip(), *self.of(source)][:MOST_SECRETS]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as e:
            raise StorageError(f"{self._folder} cannot be made ({e}). Mend its permissions.") from e
        write_whole(self._folder / source, "\n".join(kept).encode())

    def remove(self, source: str) -> None:
        """Forget a source's secrets: nothing of it is taken any more.

        Raises:
            UsageError: when it has none.
        """
        if not self.of(source):
            raise UsageError(f"{source} has no secret. There are secrets of: {', '.join(self.sources())}.")
        (self._folder / source).unlink()

    def sources(self) -> list[str]:
        """Which sources have a secret, in order."""
        return sorted(path.name for path in self._folder.glob("[!.]*")) if self._folder.is_dir() else []

    def of(self, source: str) -> list[str]:
        """A source's secrets, the newest first."""
        path = self._folder / source
        return path.read_text(encoding="utf-8").split() if path.is_file() else []


class Webhooks:
    """Takes in what sources post. One instance serves one thread."""

    def __init__(self, declarations: Declarations, secrets: Secrets) -> None:
        self._sources = {name: each for name, each in declarations.sources.items() if each.webhook}
        self._secrets = secrets
        self._intakes: dict[str, Intake] = {}

    def receive(self, name: str, headers: Headers, body: bytes, now: dt.datetime) -> Received:
        """The records that a request becomes.

        Raises:
            UsageError: when no source of that name posts here, or has no secret.
            RefusedError: when it is not from its source.
        """
        secrets = self._secrets.of(name) if name in self._sources else []
        if not secrets:
            raise UsageError(f"No webhooks of {name!r} are taken here.")
        source = self._sources[name]
        webhook = source.webhook
        if webhook is None:
            raise AssertionError("only sources with webhooks are kept")
        verify(webhook.signature, secrets, headers, body, now)
        topic = headers.get(webhook.topic) if webhook.topic else None
        return self._intake(source).take([Document(body, topic)], now)

    def _intake(self, source: Source) -> Intake:
        if source.name not in self._intakes:
            self._intakes[source.name] = Intake(source)
        return self._intakes[source.name]
