"""Keys of producers at the collector's door: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import Final

from contracts.errors import StorageError, UsageError
from lakehouse.store import write_whole

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}\Z")


class Keys:
    """Who may send, as a file of hashes by producer. Keys are 256 random bits, so one round of SHA-256 hides them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = -1
        self._producers: dict[str, str] = {}

    def add(self, producer: str) -> str:
        """Make a key for a producer; this is the only time it is seen.

        Raises:
            UsageError: when the name cannot be one, or has a key already.
            StorageError: when the file cannot be written.
        """
        if not _NAME.match(producer):
            raise UsageError(
                f"{producer!r} is no producer's name. Use lower-case letters, digits, and . _ - in up to 64 characters."
            )
        if producer in self.producers():
            raise UsageError(f"{producer} has a key. Remove it first: lake keys remove {producer}")
        key = secrets.token_urlsafe(32)
        self._write({**self._hashes(), producer: _hash(key)})
        return key

    def remove(self, producer: str) -> None:
        """Take a producer's key away; a collector that runs knows at its next request.

        Raises:
            UsageError: when there is none.
            StorageError: when the file cannot be written.
        """
        hashes = self._hashes()
        if hashes.pop(producer, None) is None:
            known = ", ".join(hashes) or "nobody"
            raise UsageError(f"{producer} has no key. Keys have: {known}.")
        self._write(hashes)

    def producers(self) -> list[str]:
        """Who has a key, in order."""
        return sorted(self._hashes())

    def producer_of(self, key: str) -> str | None:
        """Whose key it is, or None."""
        self._refresh()
        return self._producers.get(_hash(key))

    def _refresh(self) -> None:
        """Read the file again where it changed."""
        try:
            changed = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            changed = 0
        if changed != self._read_at:
            self._producers = {found: producer for producer, found in self._hashes().items()}
            self._read_at = changed

    def _hashes(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        try:
            found: dict[str, str] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as e:
            raise StorageError(
                f"{self._path} cannot be read ({e}). Restore it, or delete it and make new keys."
            ) from e
        return found

    def _write(self, hashes: dict[str, str]) -> None:
        write_whole(self._path, json.dumps(hashes, indent=2, sort_keys=True).encode())


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
