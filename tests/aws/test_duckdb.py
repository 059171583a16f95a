"""DuckDB reads S3 through Arrow: the same text, the same rows, and no more bytes than the query needs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import BUCKET

from contracts.errors import StorageError, UsageError
from lakehouse import _duckdb_s3
from lakehouse._s3 import upload
from lakehouse.duck import open_duckdb
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import connect, query
from tests.tables import SCHEMA, THINGS, publish, thing

ROWS = 400_000
GROUP = 100_000
URL = f"s3://{BUCKET}/duckdb/it's here.parquet"
TEXT = URL.replace("'", "''")


@pytest.fixture(scope="module")
def size(tmp_path_factory: pytest.TempPathFactory, aws: str) -> int:  # noqa: ARG001 the file goes there
    """The size of a file of two columns that do not compress, in four row groups."""
    path = tmp_path_factory.mktemp("duckdb") / "file.parquet"
    hashes = duckdb.sql(f"select range as n, hash(range) as a, hash(range + 1) as b from range({ROWS})")
    pq.write_table(hashes.to_arrow_table(), path, row_group_size=GROUP, use_dictionary=False)
    upload(path, URL)
    return path.stat().st_size


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each read brought."""
    lengths: list[int] = []
    reading = _duckdb_s3._Cursor.read  # noqa: SLF001 what DuckDB itself calls is counted

    def counting(cursor: _duckdb_s3._Cursor, length: int) -> bytes:
        lengths.append(length)
        return reading(cursor, length)

    monkeypatch.setattr(_duckdb_s3._Cursor, "read", counting)  # noqa: SLF001 as above
    return lengths


def asked(sql: str) -> list[tuple[object, ...]]:
    with open_duckdb(URL) as connection:
        return connection.execute(sql.format(f"read_parquet('{TEXT}')")).fetchall()


def test_every_row_is_read_as_it_was_written(size: int, read: list[int]) -> None:
    wrong = asked("select count(*), count(*) filter (a != hash(n) or b != hash(n + 1)) from {}")
    assert wrong == [(ROWS, 0)]
    assert 0.9 * size < sum(read) < 1.1 * size


def test_a_query_of_one_column_reads_no_other(size: int, read: list[int]) -> None:
    asked("select max(a) from (select a from {} where a % 2 = 0)")
    assert sum(read) < 0.5 * size


def test_a_query_of_few_rows_reads_their_row_group_only(size: int, read: list[int]) -> None:
    assert asked("select a = hash(5) from {} where n = 5") == [(True,)]
    assert sum(read) < 0.3 * size


def test_making_a_view_looks_into_one_file_of_each_schema(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = SCHEMA.append(pa.field("colour", pa.string()))
    for number, schema in enumerate([SCHEMA, SCHEMA, SCHEMA, wider, wider]):
        move = publish(lake, f"r{number}", thing(f"{number}", number + 1), schema=schema)
    release = Release(number=1, run_id="r", verb="test", created_at="", tables={THINGS: move.after})
    opened, opening = [], _duckdb_s3._open  # noqa: SLF001 what DuckDB itself calls is counted
    monkeypatch.setattr(_duckdb_s3, "_open", lambda path: opened.append(path) or opening(path))
    with connect(lake, release) as connection:
        assert len(opened) == 2
        assert query(
            connection, "select count(*) as n, count(colour) as c from curated.things"
        ).to_pylist() == [{"n": 5, "c": 0}]
    assert len(opened) == len(set(opened)) == 5


def test_threads_that_share_a_file_do_not_move_each_other(size: int) -> None:
    cursor = _duckdb_s3.S3Files().open(URL)
    cursor.seek(size - 4)
    with ThreadPoolExecutor(1) as other:
        other.submit(cursor.seek, 100).result()
        assert cursor.read(4) == b"PAR1"
        assert other.submit(cursor.tell).result() == 100


def test_a_file_that_is_gone_or_out_of_reach_is_an_error_of_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(_: str) -> None:
        raise StorageError("S3 is out of reach. Run again.")

    monkeypatch.setattr(_duckdb_s3, "_open", failing)
    with (
        open_duckdb(URL) as connection,
        pytest.raises(StorageError, match=r"^S3 is out of reach\. Run again\.$"),
    ):
        query(connection, f"select * from read_parquet('{TEXT}')")
    with pytest.raises(StorageError, match="out of reach"):
        asked("select * from {}")


def test_a_wrong_statement_stays_an_error_of_usage() -> None:
    with open_duckdb(URL) as connection, pytest.raises(UsageError):
        query(connection, "select * from nowhere")


def test_compressed_text_is_read_too(tmp_path: Path) -> None:
    with pa.CompressedOutputStream(str(tmp_path / "a.gz"), "gzip") as out:
        out.write(b"one\ntwo\n")
    url = f"s3://{BUCKET}/duckdb/a.gz"
    upload(tmp_path / "a.gz", url)
    with open_duckdb(url) as connection:
        found = connection.execute(f"select * from read_csv('{url}', header = false, compression = 'gzip')")
        assert found.fetchall() == [("one",), ("two",)]
