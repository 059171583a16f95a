from __future__ import annotations

from pathlib import Path

import duckdb
import mapped
import pytest
from mapped import Ingest, details

from ingestion.event_log import EventLog

log, write, run = mapped.log, mapped.write, mapped.run

MAPPING = Path(__file__).parents[2] / "examples" / "grocer" / "mapping.yaml"
# quantity, sales_value, retail_disc, coupon_disc, coupon_match_disc → price of one unit
LINES = [
    (2, "3.8000000000000003::DOUBLE", 0.20, 0.0, 0.0, "2.0000"),
    (3, 1.00, 0.0, 0.0, 0.0, None),
    (4, 1.01, 0.0, 0.50, 0.0, "0.2525"),
    (1, 0.50, 0.25, 0.0, 0.25, "1.0000"),
    (0, 0.0, 0.0, 2.00, 0.0, None),
    (0, 1.99, 0.0, 0.0, 0.0, None),
]


@pytest.fixture
def receipts(tmp_path: Path) -> Path:
    rows = ", ".join(
        f"(7, 12, 100, {n}, {quantity}, {value}, {loyalty}, {coupon}, {match}, TIMESTAMP '2017-01-01 11:53:26')"
        for n, (quantity, value, loyalty, coupon, match, _) in enumerate(LINES)
    )
    columns = "household_id, store_id, basket_id, product_id, quantity, sales_value, retail_disc, coupon_disc, coupon_match_disc"
    query = f"FROM (VALUES {rows}) t({columns}, transaction_timestamp)"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{tmp_path / 'transactions.parquet'}'")
    return tmp_path / "transactions.parquet"


def test_the_rules_of_the_grocer_example(run: Ingest, log: EventLog, receipts: Path) -> None:
    result = run(MAPPING.read_text(encoding="utf-8"), receipts)
    assert (result.rows, result.published, result.invalid) == (6, 1, 0)
    (found,) = details(log)
    amounts = [found[f"{name}_amount"] for name in ("subtotal", "discount", "tax", "total")]
    assert amounts == ["8.30", "0.70", "0.00", "8.30"]
    assert found["tenders"] == [
        {"tender_type": "voucher", "amount": "2.50"},
        {"tender_type": "other", "amount": "5.80"},
    ]
    assert [line.get("unit_price_amount") for line in found["lines"]] == [price for *_, price in LINES]
    assert [line["quantity"] for line in found["lines"]] == [quantity for quantity, *_ in LINES]
    assert found["business_date"] == "2017-01-01"
