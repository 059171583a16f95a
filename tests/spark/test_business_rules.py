"""The rules' tables of text, with the functions they are about run by Spark, and dealt out by key where the road deals them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from lakehouse._spark import SparkEngine
from tests.spec import stocked, test_deduplication, test_identities, test_sessions, test_stock
from transforms import stock_ledger

Function = Callable[..., Any]


@dataclass(frozen=True)
class InExecutor:
    """A transform, on a connection of its own."""

    function: Function

    def __call__(self, tables: Sequence[Any]) -> Any:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set timezone = 'UTC'")
            return self.function(connection, *tables)


@dataclass(frozen=True)
class OfLot:
    """A transform of one table, on a lot of its keys."""

    function: Function

    def __call__(self, _: int, rows: pa.Table) -> Any:
        return InExecutor(self.function)([rows])


def sent(engine: SparkEngine, function: Function) -> Function:
    """The function, run in an executor; the connection it is given stays here."""

    def call(_: duckdb.DuckDBPyConnection, *tables: Any) -> Any:
        ((_, result),) = engine.each(InExecutor(function), [tables])
        return result

    return call


def dealt(engine: SparkEngine, function: Function, key: list[str]) -> Function:
    """The function, run on lots of keys in executors."""

    def call(_: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
        half = len(rows) // 2
        lots = engine.by_key(
            lambda table: table, [rows.slice(half), rows.slice(0, half)], key, rows.schema, OfLot(function)
        )
        return pa.concat_tables(lots)

    return call


class StockOnSpark:
    """`transforms.stock_ledger`, with what the road does in executors done there."""

    def __init__(self, engine: SparkEngine) -> None:
        self.movements = sent(engine, stock_ledger.movements)
        self.ledger = sent(engine, stock_ledger.ledger)
        self.balances = dealt(engine, stock_ledger.balances, ["sku", "location_id"])

    def __getattr__(self, name: str) -> Any:
        return getattr(stock_ledger, name)


@pytest.fixture(scope="module")
def engine(session: Any) -> SparkEngine:
    return SparkEngine(session, partitions=3)


@pytest.fixture(scope="module", autouse=True)
def on_spark(engine: SparkEngine) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_deduplication, "deduplicate", sent(engine, test_deduplication.deduplicate))
        patch.setattr(test_sessions, "sessions", dealt(engine, test_sessions.sessions, ["visitor_id"]))
        for name in ("edges", "aggregate", "resolve"):
            patch.setattr(test_identities, name, sent(engine, getattr(test_identities, name)))
        patch.setattr(stocked, "stock", StockOnSpark(engine))
        yield


@pytest.mark.parametrize("title", test_deduplication.TABLES)
def test_deduplication_of(title: str) -> None:
    test_deduplication.test_in_every_order_and_every_cut(title)


@pytest.mark.parametrize("title", test_sessions.CUTS)
def test_sessions_of(title: str) -> None:
    test_sessions.test_every_table(title, test_sessions.outcome)


@pytest.fixture(scope="module")
def ledger(on_spark: None) -> dict[str, dict[str, Any]]:  # noqa: ARG001 it is run there
    """Rows of one ledger in which each table is a world of its own."""
    worlds = (stocked.in_world(test_stock.case(title).true, f"{title}/") for title in test_stock.LEDGERS)
    return stocked.by_id(stocked.outcome(list(chain.from_iterable(worlds))))


@pytest.mark.parametrize("title", test_stock.LEDGERS)
def test_stock_ledger_of(title: str, ledger: dict[str, dict[str, Any]]) -> None:
    told = test_stock.case(title)
    test_stock.check(ledger, stocked.in_world(told.true, f"{title}/"), told.now)


@pytest.mark.parametrize("title", sorted(set(test_stock.TABLES) - set(test_stock.LEDGERS)))
def test_stock_balances_of(title: str) -> None:
    test_stock.test_days(title)


@pytest.fixture(scope="module")
def told(on_spark: None) -> dict[str, Any]:  # noqa: ARG001 it is run there
    return test_identities.as_told(test_identities.whole(test_identities.ALL))


@pytest.mark.parametrize("title", test_identities.CASES)
def test_identities_of(title: str, told: dict[str, Any]) -> None:
    test_identities.test_each_case_comes_out_as_it_stands(title, told)
