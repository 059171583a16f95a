"""awswrangler and PyAthena, unmodified."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import awswrangler as wr
import pandas as pd
import pytest
from awswrangler.exceptions import QueryFailed
from conftest import Asked
from pyathena import connect
from pyathena.error import OperationalError
from pyathena.pandas.cursor import PandasCursor
from test_results import CELLS, TYPED

# as of the versions here: pandas' own deprecations, and connections that the clients leave open
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def numbers(asked: Asked) -> Asked:
    asked.done(
        f"CREATE TABLE numbers WITH (external_location = '{asked.location('numbers')}') AS "
        "SELECT n, CAST('n' || CAST(n AS varchar) AS varchar) AS s FROM UNNEST(sequence(1, 120)) AS t (n)"
    )
    return asked


@pytest.fixture
def where(numbers: Asked, name: str) -> dict[str, Any]:
    return {"database": numbers.database, "s3_output": numbers.location(f"results_{name}")}


def read(sql: str, where: dict[str, Any], **more: Any) -> Any:
    return wr.athena.read_sql_query(sql, **where, **{"ctas_approach": False, **more})


@pytest.mark.parametrize("ctas", [True, False])
def test_wrangler_reads_types(where: dict[str, Any], *, ctas: bool) -> None:
    sql = (
        "SELECT 1 AS i, 1.5e0 AS d, CAST(2.25 AS decimal(10, 2)) AS dc, true AS bo, date '2026-01-02' AS da, "
        "timestamp '2026-01-02 03:04:05.678' AS ts, CAST('a' AS varchar) AS s, CAST(null AS varchar) AS z"
    )
    (row,) = read(sql, where, ctas_approach=ctas).to_dict("records")
    assert (row["i"], row["d"], str(row["dc"]), row["bo"], row["s"]) == (1, 1.5, "2.25", True, "a")
    assert (row["da"].isoformat(), row["ts"].isoformat()) == ("2026-01-02", "2026-01-02T03:04:05.678000")
    assert row["z"] is None or pd.isna(row["z"])


def test_wrangler_unloads(where: dict[str, Any]) -> None:
    found = read("SELECT n, s FROM numbers WHERE n < 3 ORDER BY n", where, unload_approach=True)
    assert sorted(found.to_dict("list")["s"]) == ["n1", "n2"]


@pytest.mark.parametrize("ctas", [True, False])
def test_wrangler_reads_in_chunks(where: dict[str, Any], *, ctas: bool) -> None:
    chunks = [len(c) for c in read("SELECT * FROM numbers", where, ctas_approach=ctas, chunksize=50)]
    assert sum(chunks) == 120
    assert max(chunks) <= 50


def test_wrangler_binds_parameters(where: dict[str, Any]) -> None:
    named = read("SELECT n FROM numbers WHERE s = :s", where, params={"s": "n7"}, paramstyle="named")
    assert named["n"].tolist() == [7]
    placed = read(
        "SELECT n FROM numbers WHERE n = ? AND s = ?", where, params=["8", "'n8'"], paramstyle="qmark"
    )
    assert placed["n"].tolist() == [8]


def test_wrangler_writes_parquet_that_athena_reads(asked: Asked, where: dict[str, Any], name: str) -> None:
    to = {
        "path": asked.location(name),
        "dataset": True,
        "database": asked.database,
        "table": name,
        "partition_cols": ["p"],
    }
    wr.s3.to_parquet(pd.DataFrame({"a": [1, 2], "p": ["x", "y"]}), mode="overwrite", **to)
    wr.s3.to_parquet(pd.DataFrame({"a": [3], "p": ["x"]}), mode="append", **to)
    wr.s3.to_parquet(pd.DataFrame({"a": [9], "p": ["y"]}), mode="overwrite_partitions", **to)
    found = read(f"SELECT p, a FROM {name} ORDER BY 1, 2", where)
    assert found.to_numpy().tolist() == [["x", 1], ["x", 3], ["y", 9]]


def test_wrangler_writes_iceberg_appends_merges_and_deletes(
    asked: Asked, where: dict[str, Any], name: str
) -> None:
    to = {"database": asked.database, "table": name, "table_location": asked.location(name), "keep_files": False,
          "temp_path": asked.location(f"temp_{name}"), "s3_output": where["s3_output"]}  # fmt: skip
    wr.athena.to_iceberg(pd.DataFrame({"k": [1, 2], "v": ["a", "b"]}), **to)
    wr.athena.to_iceberg(pd.DataFrame({"k": [2, 3], "v": ["B", "c"]}), merge_cols=["k"], **to)
    wr.athena.to_iceberg(pd.DataFrame({"k": [4], "v": ["d"], "w": [1.5]}), schema_evolution=True, **to)
    del to["table_location"]
    wr.athena.delete_from_iceberg_table(pd.DataFrame({"k": [1]}), merge_cols=["k"], **to)
    found = asked.done(f"SELECT k, v, w FROM {name} ORDER BY k")
    assert found == [["2", "B", None], ["3", "c", None], ["4", "d", "1.5"]]


def test_wrangler_describes_and_shows(where: dict[str, Any]) -> None:
    described = wr.athena.describe_table("numbers", **where)
    assert described["Column Name"].tolist() == ["n", "s"]
    assert "CREATE EXTERNAL TABLE" in wr.athena.show_create_table("numbers", **where)


def test_wrangler_raises_what_athena_says(where: dict[str, Any]) -> None:
    with pytest.raises(QueryFailed, match="COLUMN_NOT_FOUND"):
        read("SELECT nope FROM numbers", where)
    with pytest.raises(QueryFailed, match="Unsupported Hive type: timestamp\\(3\\) with time zone"):
        read("SELECT current_timestamp AS at", where, ctas_approach=True)


@pytest.fixture
def connection(numbers: Asked) -> Iterator[Any]:
    with connect(
        s3_staging_dir=numbers.location("pyathena"),
        region_name=numbers.server.region,
        schema_name=numbers.database,
        poll_interval=0.05,
    ) as opened:
        yield opened


def test_pyathena_reads_values(connection: Any) -> None:
    (row,) = connection.cursor().execute(TYPED).fetchall()
    assert row[:2] == (1, 2)
    assert (row[5], row[6], row[7]) == (CELLS[5], None, True)
    assert row[9] == datetime(2026, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001 - a timestamp without a zone
    assert row[10] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert [d[0] for d in connection.cursor().execute("SELECT 1 AS a, 2 AS b").description] == ["a", "b"]


def test_pyathena_binds_parameters(connection: Any) -> None:
    cursor = connection.cursor()
    assert cursor.execute("SELECT n FROM numbers WHERE s = %(s)s", {"s": "n5"}).fetchall() == [(5,)]
    placed = cursor.execute("SELECT n FROM numbers WHERE n = ? AND s = ?", ["6", "'n6'"], paramstyle="qmark")
    assert placed.fetchall() == [(6,)]


def test_pyathena_reads_many_pages(connection: Any) -> None:
    found = connection.cursor().execute("SELECT n FROM UNNEST(sequence(1, 2500)) AS t (n)").fetchall()
    assert len(found) == 2500


def test_pyathena_raises_what_athena_says(connection: Any) -> None:
    with pytest.raises(OperationalError, match="FUNCTION_NOT_FOUND"):
        connection.cursor().execute("SELECT no_such(n) FROM numbers")


@pytest.mark.parametrize("unload", [False, True])
def test_pyathena_gives_frames(connection: Any, *, unload: bool) -> None:
    sql = "SELECT n, s FROM numbers WHERE n < 3"
    frame = connection.cursor(PandasCursor, unload=unload).execute(sql).as_pandas()
    assert sorted(frame["n"].tolist()) == [1, 2]
    assert sorted(frame["s"].tolist()) == ["n1", "n2"]
