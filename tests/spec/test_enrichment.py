"""`enrichment.md`, and what enrichment may never do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.declarations import load_declarations
from lakehouse.arrow_types import arrow_field, arrow_schema
from tests.text_tables import titled
from transforms.enrich import STEPS, enrich

TABLES: Final = titled(Path(__file__).with_name("enrichment.md").read_text())
PAGE_VIEWED: Final = load_declarations().events["page_viewed"].latest
STATES: Final = {"Campaigns and paid clicks": "campaign_source", "Devices and bots": "device_type"}
YES_OR_NO: Final = {"yes": True, "no": False}
STATED_TEXTS: Final = [f.name for f in PAGE_VIEWED.fields if str(f.kind) == "string" and not f.format]


def page_views(stated: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(stated, schema=arrow_schema(PAGE_VIEWED.fields))


@pytest.mark.parametrize("title", TABLES)
def test_enrichment(title: str) -> None:
    wanted, stated = [], []
    for row in TABLES[title]:
        cells = {name: YES_OR_NO.get(cell, cell or None) for name, cell in row.items()}
        own = cells.pop("states", None)
        stated.append({n: cells.pop(n) for n in ("referrer_url", "page_url", "user_agent") if n in cells})
        stated[-1] |= {STATES[title]: own} if own else {}
        wanted.append(cells)
    found = enrich(page_views(stated), PAGE_VIEWED)
    assert found.select(list(wanted[0])).to_pylist() == wanted


def test_columns_are_as_declared() -> None:
    found = enrich(page_views([{"page_url": "https://shop.example.com/"}]), PAGE_VIEWED)
    wanted = arrow_schema((*PAGE_VIEWED.fields, *PAGE_VIEWED.added))
    assert [(f.name, f.type) for f in found.schema] == [(f.name, f.type) for f in wanted]


def test_every_declared_step_is_there_and_no_other() -> None:
    events = load_declarations().events.values()
    assert {step.name for event in events for step in event.latest.enrich} == set(STEPS)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(STATED_TEXTS), st.none() | st.text(max_size=40)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 3),
)
def test_what_is_sent_holds_and_rows_do_not_look_at_each_other(rows: list[dict[str, Any]], cut: int) -> None:
    table = page_views(rows)
    found = enrich(table, PAGE_VIEWED)
    for name in table.column_names:
        pairs = zip(table[name].to_pylist(), found[name].to_pylist(), strict=True)
        assert all(sent is None or sent == held for sent, held in pairs)
    parts = pa.concat_tables(
        [enrich(table.slice(0, cut), PAGE_VIEWED), enrich(table.slice(cut), PAGE_VIEWED)]
    )
    assert parts.to_pylist() == found.to_pylist()


def test_a_filled_value_is_cut_to_the_length_of_its_field() -> None:
    found = enrich(
        page_views([{"page_url": f"https://shop.example.com/?utm_source={'x' * 500}"}]), PAGE_VIEWED
    )
    longest = next(f.max_length for f in PAGE_VIEWED.fields if f.name == "campaign_source")
    assert found["campaign_source"].to_pylist() == ["x" * (longest or 0)]


def test_an_empty_table_gets_its_columns() -> None:
    found = enrich(page_views([]), PAGE_VIEWED)
    assert [f.type for f in found.schema][-1] == arrow_field(PAGE_VIEWED.added[-1]).type
