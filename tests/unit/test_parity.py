from __future__ import annotations

from typing import Any

import duckdb
import pytest

from pipeline.parity import CONTENT

MANY = 400_000


def content(rows: str) -> Any:
    with duckdb.connect() as connection:
        connection.execute(f"create table t as {rows}")
        return connection.execute(CONTENT.format(columns="*", table="t")).fetchall()[0]


def test_any_number_of_rows_has_a_hash() -> None:
    rows, found = content(f"select range as n from range({MANY})")
    assert (rows, len(found)) == (MANY, 32)


def test_an_empty_table_has_a_hash() -> None:
    assert content("select 1 as n where false") == (0, "0" * 32)


@pytest.mark.parametrize("order", ["n", "n desc", "hash(n)"])
def test_the_order_of_rows_does_not_matter(order: str) -> None:
    straight = content("select range as n from range(1000)")
    assert content(f"select range as n from range(1000) order by {order}") == straight


@pytest.mark.parametrize(
    "other",
    [
        "select range as n from range(999)",
        "select range + 1 as n from range(1000)",
        "select range as n from range(1000) union all select 5",
        "select range as n from range(1000) union all select 5 union all select 5",
    ],
)
def test_another_bag_of_rows_has_another_hash(other: str) -> None:
    assert content(other)[1] != content("select range as n from range(1000)")[1]
