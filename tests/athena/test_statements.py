from __future__ import annotations

import gzip
import json

import pytest
from conftest import Asked


def test_columns_partitions_and_delimiters_of_an_external_table_are_read(asked: Asked, name: str) -> None:
    path = asked.location(name)
    key = f"{asked.database}/{name}"
    asked.s3.put_object(Bucket="lane", Key=f"{key}/day=2026-01-01/a.csv", Body=b"id,name\n1,a\n2,\n")
    asked.done(
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{name}` (id int COMMENT 'who', `name` string) "
        "PARTITIONED BY (`day` date) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' NULL DEFINED AS '' "
        f"STORED AS TEXTFILE LOCATION '{path}' TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    assert asked.done(f"SELECT count(*) FROM {name}") == [["0"]]
    asked.done(f"MSCK REPAIR TABLE {name}")
    assert asked.done(f"SELECT * FROM {name} ORDER BY id") == [
        ["1", "a", "2026-01-01"],
        ["2", None, "2026-01-01"],
    ]
    assert asked.done(f"SHOW PARTITIONS {name}") == [["day=2026-01-01"]]


def test_partitions_are_added_with_and_without_a_location_and_dropped(asked: Asked, name: str) -> None:
    asked.done(
        f"CREATE EXTERNAL TABLE {name} (n int) PARTITIONED BY (a string, b int) LOCATION '{asked.location(name)}'"
    )
    asked.done(
        f"ALTER TABLE {name} ADD PARTITION (a = 'x', b = 1) PARTITION (a = 'y', b = 2) LOCATION 's3://lane/else/'"
    )
    assert "AlreadyExistsException" in asked.refused(f"ALTER TABLE {name} ADD PARTITION (a = 'x', b = 1)")
    asked.done(f"ALTER TABLE {name} ADD IF NOT EXISTS PARTITION (a = 'x', b = 1)")
    assert asked.done(f"SHOW PARTITIONS {name}") == [["a=x/b=1"], ["a=y/b=2"]]
    asked.done(f"ALTER TABLE {name} DROP PARTITION (a = 'x', b = 1), PARTITION (a = 'y', b = 2)")
    assert asked.done(f"SHOW PARTITIONS {name}") == []
    assert "does not name the partition columns" in asked.refused(
        f"ALTER TABLE {name} DROP PARTITION (a = 'x')"
    )


def test_a_partition_is_renamed_and_moved(asked: Asked, name: str) -> None:
    asked.done(
        f"CREATE EXTERNAL TABLE {name} (n int) PARTITIONED BY (p string) "
        f"ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION '{asked.location(name)}'"
    )
    asked.s3.put_object(Bucket="lane", Key=f"{asked.database}/{name}/moved/a.csv", Body=b"7\n")
    asked.done(f"ALTER TABLE {name} ADD PARTITION (p = 'x')")
    asked.done(f"ALTER TABLE {name} PARTITION (p = 'x') RENAME TO PARTITION (p = 'y')")
    asked.done(f"ALTER TABLE {name} PARTITION (p = 'y') SET LOCATION '{asked.location(name)}moved/'")
    assert asked.done(f"SELECT n, p FROM {name}") == [["7", "y"]]


def test_json_is_read_by_its_serde_and_projected_partitions_need_no_catalogue(
    asked: Asked, name: str
) -> None:
    path = asked.location(name)
    asked.s3.put_object(Bucket="lane", Key=f"{asked.database}/{name}/2026/01/a.json", Body=b'{"n": 7}\n')
    projection = {
        "projection.enabled": "true", "projection.y.type": "integer", "projection.y.range": "2025,2026",
        "projection.m.type": "integer", "projection.m.range": "1,12", "projection.m.digits": "2",
        "storage.location.template": f"{path}${{y}}/${{m}}/",
    }  # fmt: skip
    listed = ", ".join(f"'{key}' = '{value}'" for key, value in projection.items())
    asked.done(
        f"CREATE EXTERNAL TABLE {name} (n int) PARTITIONED BY (y string, m string) "
        f"ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION '{path}' TBLPROPERTIES ({listed})"
    )
    assert asked.done(f"SELECT n, y, m FROM {name}") == [["7", "2026", "01"]]


def test_a_ctas_is_written_where_it_was_asked_and_never_over_something(asked: Asked, name: str) -> None:
    sql = f"CREATE TABLE {name} WITH (format = 'ORC', external_location = '{asked.location(name)}') AS SELECT 1 AS n"
    found = asked.ask(sql).execution
    manifest = found["Statistics"]["DataManifestLocation"].removeprefix("s3://").partition("/")
    written = asked.s3.get_object(Bucket=manifest[0], Key=manifest[2])["Body"].read().decode().splitlines()
    assert written == [f"s3://lane/{key}" for key in asked.keys(name)]
    assert found["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    asked.done(f"DROP TABLE {name}")
    assert asked.keys(name), "the data of a Hive table stays"
    assert "HIVE_PATH_ALREADY_EXISTS" in asked.refused(sql)


def test_a_ctas_goes_beside_the_results_where_nothing_else_is_said(asked: Asked, name: str) -> None:
    found = asked.ask(f"CREATE TABLE {name} AS SELECT 1 AS n").execution["QueryExecutionId"]
    held = asked.glue.get_table(DatabaseName=asked.database, Name=name)["Table"]
    assert f"/tables/{found}" in held["StorageDescriptor"]["Location"]


def test_unload_writes_files_and_leaves_no_table(asked: Asked, name: str) -> None:
    target = asked.location(name)
    asked.done(
        f"UNLOAD (SELECT 1 AS n, 'a' AS p) TO '{target}' WITH (format = 'JSON', partitioned_by = ARRAY['p'])"
    )
    (key,) = asked.keys(name)
    assert "/p=a/" in key
    body = asked.s3.get_object(Bucket="lane", Key=key)["Body"].read()
    assert json.loads(gzip.decompress(body)) == {"n": 1}
    assert not [t for (t,) in asked.done("SHOW TABLES") if t and t.startswith("unload_")]
    assert "needs the property format" in asked.refused(f"UNLOAD (SELECT 1 AS n) TO '{target}x/'")


@pytest.fixture
def iceberg(asked: Asked, name: str) -> str:
    asked.done(
        f"CREATE TABLE {name} (id bigint COMMENT 'who', at timestamp, s struct<a:int,b:string>) "
        f"PARTITIONED BY (day(at), bucket(4, id)) LOCATION '{asked.location(name)}' "
        "TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'vacuum_max_snapshot_age_seconds' = '1')"
    )
    asked.done(f"INSERT INTO {name} VALUES (1, timestamp '2026-01-01 00:00:00', ROW(1, 'x'))")
    asked.done(f"INSERT INTO {name} VALUES (2, timestamp '2026-01-02 00:00:00', null)")
    return name


def test_an_iceberg_table_is_changed_optimized_and_vacuumed(asked: Asked, iceberg: str) -> None:
    assert asked.done(f"UPDATE {iceberg} SET id = 3 WHERE id = 1") == [["1"]]
    assert asked.done(f"DELETE FROM {iceberg} WHERE id = 2") == [["1"]]
    asked.done(f"OPTIMIZE {iceberg} REWRITE DATA USING BIN_PACK WHERE id > 0")
    snapshots = int(asked.done(f'SELECT count(*) FROM "{iceberg}$snapshots"')[0][0] or 0)
    assert snapshots >= 4
    asked.trino.run(
        "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a (x), UNNEST(sequence(1, 10000)) AS b (y)"
    )
    while asked.done(f'SELECT count(*) FROM "{iceberg}$snapshots"') != [["1"]]:
        asked.done(f"VACUUM {iceberg}")
    assert asked.done(f"SELECT id, at, s.b FROM {iceberg}") == [["3", "2026-01-01 00:00:00.000000", "x"]]


def test_an_earlier_version_of_an_iceberg_table_can_be_read(asked: Asked, iceberg: str) -> None:
    rows = asked.done(f'SELECT snapshot_id FROM "{iceberg}$snapshots" ORDER BY committed_at')
    assert asked.done(f"SELECT id FROM {iceberg} FOR VERSION AS OF {rows[-2][0]}") == [["1"]]


def test_columns_of_an_iceberg_table_are_added_changed_and_dropped(asked: Asked, iceberg: str) -> None:
    asked.done(f"ALTER TABLE {iceberg} ADD COLUMNS (c1 string, c2 int)")
    asked.done(f"ALTER TABLE {iceberg} CHANGE COLUMN c1 c3 string")
    asked.done(f"ALTER TABLE {iceberg} CHANGE c2 c2 bigint")
    assert [(row[0] or "").strip() for row in asked.done(f"DESCRIBE {iceberg}")] == [
        "id",
        "at",
        "s",
        "c3",
        "c2",
    ]
    asked.done(f"ALTER TABLE {iceberg} DROP COLUMN c3")
    assert asked.done(f"SELECT c2, typeof(c2) FROM {iceberg} WHERE id = 1") == [[None, "bigint"]]
    assert "not supported for table type ICEBERG" in asked.refused(
        f"ALTER TABLE {iceberg} REPLACE COLUMNS (n int)"
    )


def test_properties_that_athena_knows_are_kept_and_others_refused(asked: Asked, iceberg: str) -> None:
    asked.done(f"ALTER TABLE {iceberg} SET TBLPROPERTIES ('optimize_rewrite_delete_file_threshold' = '2')")
    assert ["optimize_rewrite_delete_file_threshold\t2"] in asked.done(f"SHOW TBLPROPERTIES {iceberg}")
    assert ["vacuum_max_snapshot_age_seconds\t1"] in asked.done(f"SHOW TBLPROPERTIES {iceberg}")
    refused = asked.refused(f"ALTER TABLE {iceberg} SET TBLPROPERTIES ('mine' = '1')")
    assert "Unsupported table property key: mine" in refused


def test_an_iceberg_table_is_renamed_and_dropped_with_its_data(asked: Asked, iceberg: str) -> None:
    asked.done(f"ALTER TABLE {iceberg} RENAME TO {iceberg}_new")
    assert asked.done(f"SELECT count(*) FROM {iceberg}_new") == [["2"]]
    asked.done(f"DROP TABLE {iceberg}_new")
    assert asked.keys(iceberg) == []


def test_what_is_only_for_the_other_kind_of_table_is_refused(asked: Asked, iceberg: str) -> None:
    for sql in ("SHOW PARTITIONS {}", "MSCK REPAIR TABLE {}", "ALTER TABLE {} ADD PARTITION (id = 1)"):
        assert "not supported for table type ICEBERG" in asked.refused(sql.format(iceberg))
    asked.done(f"CREATE EXTERNAL TABLE {iceberg}_hive (n int) LOCATION '{asked.location(iceberg)}hive/'")
    for sql in ("VACUUM {}", "OPTIMIZE {} REWRITE DATA USING BIN_PACK"):
        assert "only supported for Iceberg tables" in asked.refused(sql.format(f"{iceberg}_hive"))


@pytest.mark.parametrize("kind", ["tinyint", "smallint", "char(3)", "array<smallint>"])
def test_types_that_iceberg_tables_do_not_have_are_refused(asked: Asked, name: str, kind: str) -> None:
    sql = f"CREATE TABLE {name} (n {kind}) LOCATION '{asked.location(name)}' TBLPROPERTIES ('table_type' = 'ICEBERG')"
    assert "Type not supported for Iceberg" in asked.refused(sql)


def test_a_view_is_shown_replaced_and_dropped(asked: Asked, name: str) -> None:
    asked.done(f"CREATE VIEW {name} AS SELECT 1 AS n")
    asked.done(f"CREATE OR REPLACE VIEW {name} AS SELECT 2 AS n, 3 AS m")
    assert asked.done(f"SELECT * FROM {name}") == [["2", "3"]]
    assert asked.done(f"SHOW VIEWS LIKE '{name}'") == [[name]]
    assert "SECURITY" not in str(asked.done(f"SHOW CREATE VIEW {name}"))
    asked.done(f"DROP VIEW {name}")
    assert asked.done(f"SHOW VIEWS LIKE '{name}'") == []


def test_a_shown_table_can_be_made_again(asked: Asked, name: str) -> None:
    asked.done(
        f"CREATE EXTERNAL TABLE {name} (n int, s struct<a:int>) PARTITIONED BY (p string) "
        f"ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION '{asked.location(name)}'"
    )
    shown = "\n".join(row[0] or "" for row in asked.done(f"SHOW CREATE TABLE {name}"))
    asked.done(f"DROP TABLE {name}")
    asked.done(shown.replace(f"`{asked.database}.{name}`", f"`{asked.database}`.`{name}`"))
    assert "\n".join(row[0] or "" for row in asked.done(f"SHOW CREATE TABLE {name}")) == shown


def test_databases_are_made_described_and_dropped(asked: Asked, name: str) -> None:
    asked.done(
        f"CREATE DATABASE {name} COMMENT 'mine' LOCATION 's3://lane/{name}' WITH DBPROPERTIES ('a' = 'b')"
    )
    assert "AlreadyExists" in asked.refused(f"CREATE DATABASE {name}")
    asked.done(f"CREATE DATABASE IF NOT EXISTS {name}")
    asked.done(f"ALTER DATABASE {name} SET DBPROPERTIES ('c' = 'd')")
    held = asked.glue.get_database(Name=name)["Database"]
    assert (held["Description"], held["Parameters"]) == ("mine", {"a": "b", "c": "d"})
    asked.done(f"CREATE EXTERNAL TABLE {name}.t (n int) LOCATION 's3://lane/{name}/t/'")
    assert "is not empty" in asked.refused(f"DROP DATABASE {name}")
    asked.done(f"DROP DATABASE {name} CASCADE")
    assert [name] not in asked.done("SHOW DATABASES")


def test_one_statement_is_one_statement(asked: Asked) -> None:
    assert asked.done("-- a comment; with a sign\nSELECT ';' AS s /* ; */ ;") == [[";"]]
    assert "Only one sql statement is allowed" in asked.refused("SELECT 1; SELECT 2")
