"""Writes what was simulated into a lake, as Firehose would."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import orjson

from lakehouse.lake import Lake
from lakehouse.store import write_whole
from simulator import SimulatedObject


def write_simulation(
    lake: Lake,
    objects: Iterable[SimulatedObject],
    *,
    seed: int,
    faults: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write raw objects and, with faults, the manifest that names every injected record.

    Returns:
        How many records and objects were written, and the manifest's path (None without faults).
    """
    records, count, lines = 0, 0, []
    with _no_search_for_cycles():
        for each in objects:
            lake.store.write(each.raw_object, each.data)
            records, count = records + each.records, count + 1
            lines += [orjson.dumps(asdict(entry)) for entry in each.manifest]
            progress(records)
    path = lake.root / "manifests" / f"faults-{seed}.jsonl"
    if faults:
        write_whole(path, b"\n".join(lines) + b"\n")
    return {"records": records, "objects": count, "manifest": str(path) if faults else None}


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Switch the garbage collector off: a shop holds many objects and no cycles, and each search goes through all of them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
