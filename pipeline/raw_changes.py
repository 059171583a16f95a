"""Raw objects rewritten, which only an erasure and the end of a retention may do; each is noted before it is."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from lakehouse.erasures import RawChange
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from pipeline.curate import Progress
from pipeline.reprocess import PATIENCE
from pipeline.run import new_run, publish

ERASE: Final = "erase"
"""The verb of a run that took a person out, which nothing undoes."""
RETAIN: Final = "retain"
"""The verb of a run that took out what was past its retention; undone with the curate before it, it is done again."""

Rewrite = Callable[[str, bytes], bytes]
"""What is to stand for a raw object, given its name and its bytes."""


def rewrite_raw(
    lake: Lake,
    names: Sequence[str],
    rewrite: Rewrite,
    noted: Iterable[RawChange],
    note: Callable[[RawChange], None],
    progress: Progress,
) -> None:
    """Rewrite raw objects. Broken off, the same call goes on.

    Args:
        lake: the lake.
        names: the objects, in order.
        rewrite: makes one anew; the same bytes where nothing in it has to go.
        noted: what was noted so far.
        note: keeps one more change, before it is made, so that the hash of what was there is known whatever happens.
        progress: told of objects looked at.
    """
    known = {each.raw_object: each.after for each in noted}
    for place, name in enumerate(names):
        data = lake.store.read(name)
        after = data if known.get(name) == _hash(data) else rewrite(name, data)
        if after != data:
            if name not in known:
                note(RawChange(name, _hash(data), _hash(after)))
            lake.store.replace(name, after)
            reach("raw.rewritten")
        progress("raw objects rewritten", place + 1, len(names))


def fence(lake: Lake, verb: str) -> None:
    """An empty release: of all before it, maintenance keeps none for longer than it must."""
    lease_id = secrets.token_hex(8)
    with lake.lease.hold(lease_id, patience=PATIENCE), new_run(lake, verb) as run:
        publish(run, lease_id=lease_id)


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()
