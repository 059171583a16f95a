"""Where the keys of pseudonyms are: with the lake's records, or in a file that the environment names."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import HeldError, StorageError, UsageError
from contracts.pseudonym_keys import KeysInForce, PseudonymKey, keys_in_force
from lakehouse.records import Records

FILE: Final = "LAKE_PSEUDONYM_KEYS"
"""Environment variable with the path of a file of keys, such as a mounted secret; the lake then keeps none of its own."""


class PseudonymKeys:
    """The keys of a lake, the oldest first. Each is written once, under its number."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def all(self) -> list[PseudonymKey]:
        """Every key there is, which in a new lake is none.

        Raises:
            UsageError: when a file of keys is named that holds none.
            StorageError: when keys cannot be read.
        """
        if path := os.environ.get(FILE):
            return _in_file(Path(path))
        read = (self._records.read(name) for name in self._records.names())
        return [msgspec.json.decode(data, type=PseudonymKey) for data in read if data is not None]

    def in_force(self, now: dt.datetime) -> KeysInForce:
        """The keys that hold `now` (with zone); a new lake gets its first.

        Raises:
            UsageError, StorageError: as for `all`.
        """
        keys = self.all()
        if not keys:
            self._write(PseudonymKey("k1", secrets.token_bytes(32), now))
            keys = self.all()
        return keys_in_force(keys, now)

    def rotate(self, now: dt.datetime, overlap: dt.timedelta) -> PseudonymKey:
        """Make a new key; for the `overlap`, pseudonyms under the one before are written beside its own.

        Raises:
            UsageError: when keys are in a file, which its owner rotates.
            HeldError: when somebody else made one at this moment.
        """
        if os.environ.get(FILE):
            raise UsageError(f"Keys are in the file that {FILE} names. Add the new key there.")
        key = PseudonymKey(f"k{len(self.all()) + 1}", secrets.token_bytes(32), now, now + overlap)
        if not self._write(key):
            raise HeldError("Another key was made at this moment. Look at `lake pseudonyms list`.")
        return key

    def lend(self, other: PseudonymKeys) -> None:
        """Give another lake the keys of this one, so that both make the same pseudonyms."""
        for key in self.all():
            other._write(key)

    def _write(self, key: PseudonymKey) -> bool:
        """Write a key, unless somebody was first."""
        try:
            self._records.write(f"{int(key.key_id[1:]):06d}", msgspec.json.encode(key), exclusive=True)
        except FileExistsError:
            return False
        return True


def _in_file(path: Path) -> list[PseudonymKey]:
    try:
        keys = msgspec.json.decode(path.read_bytes(), type=list[PseudonymKey])
    except OSError as e:
        raise StorageError(f"The keys of pseudonyms in {path} cannot be read ({e.strerror}).") from e
    except ValueError as e:
        raise UsageError(
            f"{path} holds no keys of pseudonyms ({e}). See `docs/cookbooks/keep-personal-data.md`."
        ) from e
    if not keys:
        raise UsageError(f"{path} holds no key. Add one.")
    return keys
