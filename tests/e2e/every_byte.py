"""Every file of a lake searched for texts, as readable as it gets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from transforms.unpack import unpack


def texts(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a lake, as readable as it gets."""
    for path in root.rglob("*"):
        if not path.is_file():
            continue
        if path.suffix == ".parquet":
            yield (
                path.name,
                json.dumps(pq.read_table(path, partitioning=None).to_pylist(), default=_text).encode(),
            )
        else:
            data = path.read_bytes()
            yield path.name, b"\n".join(unpack(data).records) if path.suffix == ".gz" else data


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def hits(root: Path, values: list[str]) -> Counter[str]:
    """In which files any of the texts stands."""
    return Counter(name for name, text in texts(root) for value in values if value.encode() in text)
