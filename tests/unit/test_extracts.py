"""How a source declares the tables it is extracted from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from contracts.errors import ContractError
from contracts.sources import Source, load_sources
from tests.records import DECLARATIONS

DECLARED = """family: A shop
description: A shop's database.
documentation: https://shop.example/docs
arrives: extract
extract:
  - {table: shop.counts, watermark: changed_at, key: [id], overlap: 5 minutes}
  - {table: counted, query: select 1, watermark: number, key: [shop, id], overlap: 10}
events:
  - event_type: stock_adjusted
    id: content
    occurred_at: payload->>'at'
    fields:
      sku: payload->>'sku'
      location_id: {constant: till}
      quantity_change: payload->>'change'
      reason: {constant: other}
"""


def declared(folder: Path, text: str = DECLARED) -> Source:
    (folder / "shop.yaml").write_text(text)
    return load_sources(folder, DECLARATIONS.events, DECLARATIONS.envelope.metadata)["shop"]


def test_an_extract_has_a_table_or_a_query_a_watermark_a_key_and_an_overlap(tmp_path: Path) -> None:
    source = declared(tmp_path)
    counts, counted = source.extracts
    assert (counts.table, counts.query, counts.watermark) == ("shop.counts", None, "changed_at")
    assert (counts.key, counts.overlap) == (("id",), dt.timedelta(minutes=5))
    assert (counted.query, counted.key, counted.overlap) == ("select 1", ("shop", "id"), 10)
    assert counts.place == f"{tmp_path}/shop.yaml:6"
    assert source.has_topics


@pytest.mark.parametrize(
    ("there", "instead", "line", "told"),
    [
        ("arrives: extract", "arrives: export", 5, "for sources that arrive as an extract"),
        ("table: shop.counts, ", "", 6, "declares 'table'"),
        ("table: counted", "table: shop.counts", 7, "stands twice"),
        ("watermark: changed_at, ", "", 6, "declares 'watermark'"),
        ("watermark: changed_at", "watermark: [changed_at]", 6, "declares 'watermark'"),
        ("key: [id]", "key: id", 6, "declares 'key'"),
        ("key: [id]", "key: []", 6, "declares 'key'"),
        ("key: [shop, id]", "key: [no]", 7, "quote words such as no"),
        ("query: select 1", 'query: ""', 7, "declares 'query'"),
        (", overlap: 5 minutes", "", 6, "how far behind a row may be"),
        ("5 minutes", "5 months", 6, "such as 5 minutes"),
        ("5 minutes", "-5", 6, "such as 5 minutes"),
        ("5 minutes", "true", 6, "such as 5 minutes"),
        ("overlap: 5 minutes", "overlaps: 5 minutes", 6, "'overlaps' is not supported"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, there: str, instead: str, line: int, told: str
) -> None:
    assert there in DECLARED
    with pytest.raises(ContractError, match=told) as error:
        declared(tmp_path, DECLARED.replace(there, instead, 1))
    assert error.value.line == line


@pytest.mark.parametrize("given", ["extract: []", "extract: shop.counts", "extract: [shop.counts]"])
def test_tables_come_as_a_list_of_mappings(tmp_path: Path, given: str) -> None:
    head, _, rest = DECLARED.partition("extract:\n")
    with pytest.raises(ContractError, match="a list with a mapping for each table"):
        declared(tmp_path, f"{head}{given}\nevents:{rest.partition('events:')[2]}")


@pytest.mark.parametrize("text", ["1 second", "90 minutes", "1 hours", "2 days"])
def test_an_overlap_is_a_number_and_a_unit(tmp_path: Path, text: str) -> None:
    assert isinstance(
        declared(tmp_path, DECLARED.replace("5 minutes", text)).extracts[0].overlap, dt.timedelta
    )


def test_a_source_without_extracts_has_no_topics(tmp_path: Path) -> None:
    head, _, rest = DECLARED.partition("extract:\n")
    source = declared(tmp_path, f"{head}events:{rest.partition('events:')[2]}")
    assert (source.extracts, source.has_topics) == ((), False)
