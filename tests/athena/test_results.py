from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import BUCKET, Asked

TYPED = """SELECT 1 AS i, bigint '2' AS b, 1.5e0 AS d, real '2.5' AS f, cast(2.25 AS decimal(10, 2)) AS dc, 'x,"y' AS s,
 cast(null AS varchar) AS n, true AS bo, date '2026-01-02' AS da, timestamp '2026-01-02 03:04:05.678' AS ts,
 timestamp '2026-01-02 03:04:05 UTC' AS tz, ARRAY[1, null] AS ar, map(ARRAY['k'], ARRAY[1]) AS mp,
 cast(ROW(1, 'z') AS ROW(a int, b varchar)) AS rw, from_hex('ab01') AS vb, 1e10 AS e"""
CELLS = [
    "1", "2", "1.5", "2.5", "2.25", 'x,"y', None, "true", "2026-01-02", "2026-01-02 03:04:05.678",
    "2026-01-02 03:04:05.000 UTC", "[1, null]", "{k=1}", "{a=1, b=z}", "ab 01", "1.0E10",
]  # fmt: skip
TYPES = [
    ("integer", 10, 0), ("bigint", 19, 0), ("double", 17, 0), ("float", 17, 0), ("decimal", 10, 2), ("varchar", 4, 0),
    ("varchar", 2147483647, 0), ("boolean", 0, 0), ("date", 0, 0), ("timestamp", 3, 0),
    ("timestamp with time zone", 3, 0), ("array", 0, 0), ("map", 0, 0), ("row", 0, 0), ("varbinary", 0, 0),
    ("double", 17, 0),
]  # fmt: skip


def results(asked: Asked, answer: Any, **more: Any) -> Any:
    return asked.athena.get_query_results(QueryExecutionId=answer.execution["QueryExecutionId"], **more)


def test_values_are_printed_as_athena_prints_them(asked: Asked) -> None:
    assert asked.done(TYPED) == [CELLS]


def test_types_are_named_as_athena_names_them(asked: Asked) -> None:
    described = results(asked, asked.ask(TYPED))["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Type"], c["Precision"], c["Scale"]) for c in described] == TYPES


def test_a_select_names_its_columns_in_the_first_row_of_the_first_page_only(asked: Asked) -> None:
    answer = asked.ask("SELECT n FROM UNNEST(sequence(1, 2500)) AS t (n) ORDER BY n")
    first = results(asked, answer)
    assert [row["Data"][0]["VarCharValue"] for row in first["ResultSet"]["Rows"][:2]] == ["n", "1"]
    assert len(first["ResultSet"]["Rows"]) == 1000
    second = results(asked, answer, NextToken=first["NextToken"], MaxResults=7)
    assert [row["Data"][0]["VarCharValue"] for row in second["ResultSet"]["Rows"]] == [
        str(n) for n in range(1000, 1007)
    ]
    assert answer.rows == [["n"], *([str(n)] for n in range(1, 2501))]


def test_a_page_has_between_1_and_1000_rows(asked: Asked) -> None:
    answer = asked.ask("SELECT 1")
    with pytest.raises(asked.athena.exceptions.InvalidRequestException):
        results(asked, answer, MaxResults=1001)


def test_results_of_ddl_have_no_header_and_those_of_show_neither(asked: Asked, name: str) -> None:
    sql = f"CREATE EXTERNAL TABLE {name} (n int COMMENT 'how many') LOCATION '{asked.location(name)}'"
    assert asked.done(sql) == []
    assert asked.done(f"SHOW TABLES '{name}'") == [[name]]
    described = asked.done(f"DESCRIBE {name}")
    assert [[cell and cell.strip() for cell in row] for row in described] == [["n", "int", "how many"]]


def test_the_result_file_and_its_metadata_are_where_the_caller_asked(asked: Asked) -> None:
    output = f"s3://{BUCKET}/results"
    found = asked.ask(
        "SELECT 1 AS n, 'x,\"y' AS s, null AS z", ResultConfiguration={"OutputLocation": output}
    )
    identifier = found.execution["QueryExecutionId"]
    assert found.execution["ResultConfiguration"]["OutputLocation"] == f"{output}/{identifier}.csv"
    written = asked.s3.get_object(Bucket=BUCKET, Key=f"results/{identifier}.csv")["Body"].read().decode()
    assert written == '"n","s","z"\n"1","x,""y",\n'
    asked.s3.head_object(Bucket=BUCKET, Key=f"results/{identifier}.csv.metadata")


def test_the_result_file_of_ddl_is_text(asked: Asked) -> None:
    found = asked.ask("SHOW DATABASES").execution
    assert found["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    assert found["StatementType"] == "UTILITY"


def test_a_workgroup_that_enforces_its_location_decides(asked: Asked, name: str) -> None:
    mine = {"OutputLocation": f"s3://{BUCKET}/enforced/"}
    settings = {"ResultConfiguration": mine, "EnforceWorkGroupConfiguration": True}
    asked.athena.create_work_group(Name=name, Configuration=settings)
    asked_for = {"OutputLocation": f"s3://{BUCKET}/mine/"}
    found = asked.ask("SELECT 1", WorkGroup=name, ResultConfiguration=asked_for).execution
    assert found["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{BUCKET}/enforced/")
    assert name in [w["Name"] for w in asked.athena.list_work_groups()["WorkGroups"]]
    listed = asked.athena.list_query_executions(WorkGroup=name)["QueryExecutionIds"]
    assert listed == [found["QueryExecutionId"]]


def test_a_workgroup_that_nobody_made_is_refused(asked: Asked) -> None:
    with pytest.raises(asked.athena.exceptions.InvalidRequestException, match="is not found"):
        asked.start("SELECT 1", WorkGroup="nobodys")


def test_a_running_query_can_be_stopped(asked: Asked) -> None:
    numbers = "UNNEST(sequence(1, 9000))"
    sql = f"SELECT count(*) FROM {numbers} a (x), {numbers} b (y), {numbers} c (z) WHERE x + y + z = 7"
    identifier = asked.start(sql)
    time.sleep(0.5)
    asked.athena.stop_query_execution(QueryExecutionId=identifier)
    assert asked.ended(identifier)["Status"]["State"] == "CANCELLED"


def test_a_failure_says_what_trino_says(asked: Asked) -> None:
    assert asked.refused("SELECT nope FROM (VALUES 1) AS t (n)").startswith("COLUMN_NOT_FOUND: line 1:8")
    assert asked.refused("SELECT 1 / 0") == "DIVISION_BY_ZERO: Division by zero"
    with pytest.raises(asked.athena.exceptions.InvalidRequestException, match="did not finish successfully"):
        results(asked, asked.ask("SELECT 1 / 0"))


def test_executions_are_described_in_a_batch(asked: Asked) -> None:
    one = asked.ask("SELECT 1").execution["QueryExecutionId"]
    unknown = "00000000-0000-0000-0000-000000000000"
    found = asked.athena.batch_get_query_execution(QueryExecutionIds=[one, unknown])
    assert [e["Query"] for e in found["QueryExecutions"]] == ["SELECT 1"]
    assert [e["QueryExecutionId"] for e in found["UnprocessedQueryExecutionIds"]] == [unknown]


def test_statements_prepared_by_sql_and_by_the_api_are_the_same(asked: Asked) -> None:
    asked.done("PREPARE by_sql FROM SELECT n FROM (VALUES 1, 2, 3) AS t (n) WHERE n >= ? AND n < ?")
    assert asked.done("EXECUTE by_sql USING 2, 3") == [["2"]]
    found = asked.athena.get_prepared_statement(StatementName="by_sql", WorkGroup="primary")[
        "PreparedStatement"
    ]
    assert found["QueryStatement"].startswith("SELECT n FROM")
    sql = "SELECT s FROM (VALUES 'a', 'it''s') AS t (s) WHERE s = ?"
    asked.athena.create_prepared_statement(StatementName="by_api", WorkGroup="primary", QueryStatement=sql)
    assert asked.done("EXECUTE by_api USING 'it''s'") == [["it's"]]
    asked.done("DEALLOCATE PREPARE by_api")
    with pytest.raises(asked.athena.exceptions.ResourceNotFoundException):
        asked.athena.get_prepared_statement(StatementName="by_api", WorkGroup="primary")


def test_parameters_are_bound_in_their_order(asked: Asked, name: str) -> None:
    sql = "SELECT s FROM (VALUES (1, 'a'), (2, 'it''s')) AS t (n, s) WHERE n = ? AND s = ?"
    assert asked.done(sql, ExecutionParameters=["2", "'it''s'"]) == [["it's"]]
    ctas = f"CREATE TABLE {name} WITH (external_location = '{asked.location(name)}') AS {sql}"
    asked.done(ctas, ExecutionParameters=["1", "'a'"])
    assert asked.done(f"SELECT * FROM {name}") == [["a"]]


def test_the_catalogue_is_described(asked: Asked, name: str) -> None:
    asked.done(f"CREATE TABLE {name} WITH (external_location = '{asked.location(name)}') AS SELECT 1 AS n")
    catalog = {"CatalogName": "AwsDataCatalog"}
    names = [d["Name"] for d in asked.athena.list_databases(**catalog)["DatabaseList"]]
    assert asked.database in names
    table = {"DatabaseName": asked.database, "TableName": name, **catalog}
    found = asked.athena.get_table_metadata(**table)["TableMetadata"]
    assert found["Columns"] == [{"Name": "n", "Type": "int"}]
    listed = asked.athena.list_table_metadata(DatabaseName=asked.database, Expression=f"{name}*", **catalog)
    assert [t["Name"] for t in listed["TableMetadataList"]] == [name]
    with pytest.raises(asked.athena.exceptions.MetadataException):
        asked.athena.get_table_metadata(**{**table, "TableName": "nobodys"})


def test_queries_can_be_kept_by_name(asked: Asked) -> None:
    kept = {"Name": "mine", "Database": asked.database, "QueryString": "SELECT 1"}
    identifier = asked.athena.create_named_query(**kept)["NamedQueryId"]
    assert asked.athena.get_named_query(NamedQueryId=identifier)["NamedQuery"]["QueryString"] == "SELECT 1"
    assert identifier in asked.athena.list_named_queries()["NamedQueryIds"]
    asked.athena.delete_named_query(NamedQueryId=identifier)
    with pytest.raises(asked.athena.exceptions.InvalidRequestException):
        asked.athena.get_named_query(NamedQueryId=identifier)
