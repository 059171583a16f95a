"""Each of these fails where its shim is taken out of `local_athena/shims.py`."""

from __future__ import annotations

import threading
from collections import Counter

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from conftest import Asked
from pyiceberg.catalog import Catalog, load_catalog


@pytest.fixture
def iceberg(asked: Asked, name: str) -> str:
    asked.done(
        f"CREATE TABLE {name} (who int, number int) LOCATION '{asked.location(name)}' "
        "TBLPROPERTIES ('table_type' = 'ICEBERG')"
    )
    return name


@pytest.fixture(scope="module")
def pyiceberg_catalog(asked: Asked) -> Catalog:
    return load_catalog(
        "glue",
        type="glue",
        **{
            "s3.endpoint": asked.server.address,
            "s3.access-key-id": "local",
            "s3.secret-access-key": "local",
            "s3.region": asked.server.region,
            "glue.endpoint": asked.server.address,
            "glue.region": asked.server.region,
            "glue.access-key-id": "local",
            "glue.secret-access-key": "local",
        },
    )


def test_statistics_of_columns_can_be_asked_for_and_written(asked: Asked, name: str) -> None:
    """Trino writes them behind every INSERT into a Hive table, and reads them to plan."""
    asked.done(f"CREATE TABLE {name} WITH (external_location = '{asked.location(name)}') AS SELECT 1 AS n")
    found = asked.glue.get_column_statistics_for_table(
        DatabaseName=asked.database, TableName=name, ColumnNames=["n"]
    )
    assert found["ColumnStatisticsList"] == []
    asked.done(f"INSERT INTO {name} VALUES (2)")
    assert asked.done(f"SELECT count(*) FROM {name}") == [["2"]]


def test_a_table_cannot_be_updated_from_an_old_version(asked: Asked, iceberg: str) -> None:
    held = asked.glue.get_table(DatabaseName=asked.database, Name=iceberg)["Table"]
    table = {key: held[key] for key in ("Name", "TableType", "Parameters", "StorageDescriptor")}
    version = {"DatabaseName": asked.database, "VersionId": held["VersionId"], "SkipArchive": True}
    asked.glue.update_table(TableInput=table, **version)
    with pytest.raises(ClientError, match="ConcurrentModificationException"):
        asked.glue.update_table(TableInput=table, **version)


def test_of_many_writers_at_once_no_acknowledged_row_is_lost(asked: Asked, iceberg: str) -> None:
    acknowledged: Counter[str] = Counter()

    def write(who: int) -> None:
        for number in range(5):
            acknowledged[asked.ask(f"INSERT INTO {iceberg} VALUES ({who}, {number})").state] += 1

    writers = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert acknowledged["SUCCEEDED"] >= 5
    assert asked.done(f"SELECT count(*) FROM {iceberg}") == [[str(acknowledged["SUCCEEDED"])]]


def test_a_view_whose_comment_was_overwritten_is_still_a_view(asked: Asked, name: str) -> None:
    """As dbt's persist_docs does it, by UpdateTable."""
    asked.done(f"CREATE VIEW {name} AS SELECT 1 AS n, CAST('a' AS varchar) AS s")
    held = asked.glue.get_table(DatabaseName=asked.database, Name=name)["Table"]
    kept = ("Name", "TableType", "StorageDescriptor", "ViewOriginalText", "ViewExpandedText", "PartitionKeys")
    asked.glue.update_table(
        DatabaseName=asked.database,
        TableInput={
            **{key: held[key] for key in kept},
            "Description": "what it shows",
            "Parameters": {**held["Parameters"], "comment": "what it shows"},
        },
    )
    assert asked.done(f"SELECT * FROM {name}") == [["1", "a"]]
    mine = asked.glue.get_table(DatabaseName=asked.database, Name=name)["Table"]
    assert mine["Parameters"]["comment"] == "what it shows"


def test_partitions_are_found_by_keys_whose_type_has_a_length(asked: Asked, name: str) -> None:
    """Trino has Glue compare them."""
    asked.done(
        f"CREATE TABLE {name} WITH (external_location = '{asked.location(name)}', partitioned_by = ARRAY['v', 'c', 'd']) AS "
        "SELECT * FROM (VALUES (1, 'a', CAST('x' AS char(3)), CAST(1.5 AS decimal(3, 1))), "
        "(2, 'b', CAST('y' AS char(3)), CAST(2.5 AS decimal(3, 1)))) AS t (n, v, c, d)"
    )
    held = asked.glue.get_table(DatabaseName=asked.database, Name=name)["Table"]["PartitionKeys"]
    assert [key["Type"] for key in held] == ["varchar(1)", "char(3)", "decimal(3,1)"]
    assert asked.done(f"SELECT n FROM {name} WHERE v = 'b'") == [["2"]]
    assert asked.done(f"SELECT n FROM {name} WHERE c = 'x' AND d = DECIMAL '1.5'") == [["1"]]


def test_a_view_has_its_columns_in_glue(asked: Asked, name: str) -> None:
    asked.done(
        f"CREATE VIEW {name} AS SELECT 1 AS n, CAST('a' AS varchar) AS s, ARRAY[CAST(ROW(1.5) AS ROW(x double))] AS l"
    )
    held = asked.glue.get_table(DatabaseName=asked.database, Name=name)["Table"]
    columns = [(column["Name"], column["Type"]) for column in held["StorageDescriptor"]["Columns"]]
    assert columns == [("n", "int"), ("s", "string"), ("l", "array<struct<x:double>>")]


def test_columns_of_iceberg_tables_are_marked_as_current(asked: Asked, iceberg: str) -> None:
    asked.done(f"ALTER TABLE {iceberg} ADD COLUMNS (added string)")
    held = asked.glue.get_table(DatabaseName=asked.database, Name=iceberg)["Table"]
    marks = {
        c["Name"]: c["Parameters"]["iceberg.field.current"] for c in held["StorageDescriptor"]["Columns"]
    }
    assert marks == {"who": "true", "number": "true", "added": "true"}


def test_pyiceberg_reads_what_trino_wrote_and_the_other_way_round(
    asked: Asked, iceberg: str, pyiceberg_catalog: Catalog
) -> None:
    asked.done(f"INSERT INTO {iceberg} VALUES (1, 10), (2, 20)")
    asked.done(f"DELETE FROM {iceberg} WHERE who = 2")
    table = pyiceberg_catalog.load_table((asked.database, iceberg))
    assert table.scan().to_arrow().to_pylist() == [{"who": 1, "number": 10}]

    rows = pa.table({"who": pa.array([3], pa.int32()), "number": pa.array([30], pa.int32())})
    table.append(rows)
    assert asked.done(f"SELECT * FROM {iceberg} ORDER BY who") == [["1", "10"], ["3", "30"]]


def test_trino_writes_to_a_table_that_pyiceberg_made(
    asked: Asked, name: str, pyiceberg_catalog: Catalog
) -> None:
    schema = pa.schema([("n", pa.int64()), ("s", pa.string())])
    made = pyiceberg_catalog.create_table(
        (asked.database, name), schema, location=asked.location(name).rstrip("/")
    )
    made.append(pa.table({"n": [1], "s": ["a"]}))
    asked.done(f"MERGE INTO {name} t USING (VALUES (1, 'b'), (2, 'c')) AS m (n, s) ON t.n = m.n "
               "WHEN MATCHED THEN UPDATE SET s = m.s WHEN NOT MATCHED THEN INSERT (n, s) VALUES (m.n, m.s)")  # fmt: skip
    assert asked.done(f"SELECT * FROM {name} ORDER BY n") == [["1", "b"], ["2", "c"]]
    found = made.refresh().scan().to_arrow().sort_by("n").to_pylist()
    assert found == [{"n": 1, "s": "b"}, {"n": 2, "s": "c"}]
