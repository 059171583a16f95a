"""Records to test with: whole EventBridge records made from the contracts, and ways to change them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from contracts.declarations import Declarations, load_declarations
from contracts.events import EventVersion
from contracts.samples import record, samples
from contracts.validation import Validator
from lakehouse.lake import Lake

DECLARATIONS: Final[Declarations] = load_declarations()
VALIDATOR: Final = Validator(DECLARATIONS)
VERSIONS: Final = tuple(v for event in DECLARATIONS.events.values() for v in event.versions)
HOUR: Final = "bus=commerce/ingest_date=2026-11-01/ingest_hour=09"
GONE: Final = "(gone)"


def latest(event_type: str) -> EventVersion:
    """The newest version of an event type."""
    return DECLARATIONS.event(event_type).latest


def event(event_type: str = "page_viewed", event_id: str = "e-1", **data: Any) -> dict[str, Any]:
    """A valid record with every field, some of its data replaced."""
    made: dict[str, Any] = json.loads(_text(event_type))
    made["detail"]["metadata"]["event_id"] = event_id
    made["detail"].update(data)
    return made


@cache
def _text(event_type: str) -> str:
    return json.dumps(record(DECLARATIONS, latest(event_type)))


def edited(base: dict[str, Any], path: str, put: str) -> dict[str, Any]:
    """A copy in which `put` (JSON, or `(gone)`) stands at `path`, such as `detail.lines.0.sku`."""
    made: dict[str, Any] = json.loads(json.dumps(base))
    *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    home: Any = made
    for step in above:
        home = home[step]
    if put == GONE:
        del home[last]
    else:
        home[last] = json.loads(put)
    return made


def line(made: dict[str, Any]) -> bytes:
    """The record as one line of JSON."""
    return json.dumps(made).encode()


def put_raw(lake: Lake, name: str, *records: dict[str, Any], folder: str = HOUR) -> str:
    """Write records as one raw object; returns its path under the raw store."""
    raw_object = f"{folder}/{name}.json.gz"
    lake.store.write(raw_object, gzip.compress(b"\n".join(map(line, records))))
    return raw_object


def valid_samples(version: EventVersion) -> Iterator[dict[str, Any]]:
    """Every valid sample of a contract."""
    return (sample.record for sample in samples(DECLARATIONS, version) if sample.error_type is None)
