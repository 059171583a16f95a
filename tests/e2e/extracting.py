"""Tables of a test, extracted into an event log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from postgres_server import Database

from contracts.declarations import load_declarations
from contracts.sources import Source, load_sources
from ingestion.event_log import EventLog
from ingestion.extract import Extracted, extract

_DECLARED: Final = """family: A shop
description: A shop's database.
documentation: https://shop.example/docs
arrives: extract
extract:
  - {extract}
events:
  - event_type: stock_adjusted
    id: content
    occurred_at: payload->>'at'
    fields:
      sku: payload->>'sku'
      location_id: {{constant: till}}
      quantity_change: payload->>'change'
      reason: {{constant: other}}
"""


def documents(log: EventLog) -> list[dict[str, Any]]:
    records = log._connection.execute("select record from events order by offset")  # noqa: SLF001 what waits, as it is
    return [json.loads(record)["detail"] for (record,) in records]


def declared(folder: Path, declaration: str) -> Source:
    (folder / "counts.yaml").write_text(_DECLARED.format(extract=declaration))
    declarations = load_declarations()
    return load_sources(folder, declarations.events, declarations.envelope.metadata)["counts"]


def read(folder: Path, log: EventLog, database: Database, declaration: str, **more: Any) -> Extracted:
    (found,) = extract(declared(folder, declaration), database.address, log, **more)
    return found
