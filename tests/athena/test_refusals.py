from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Asked

from local_athena.functions import reviewed
from local_athena.server import Server

CORPUS = "corpus"
GROUPS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("refused.yaml").read_text("utf-8"))
CASES = [
    {**{k: v for k, v in group.items() if k != "cases"}, **case}
    for group in GROUPS
    for case in group["cases"]
]
TABLES = (
    "CREATE TABLE events WITH (external_location = 's3://corpus/events/') AS SELECT 1 AS n, 'a' AS s",
    "CREATE TABLE wide WITH (external_location = 's3://corpus/wide/') AS SELECT 1 AS a, 2 AS b",
    (
        "CREATE TABLE parted WITH (external_location = 's3://corpus/parted/', partitioned_by = ARRAY['p']) "
        "AS SELECT 1 AS n, 'a' AS p"
    ),
    (
        "CREATE TABLE bucketed WITH (external_location = 's3://corpus/bucketed/', bucketed_by = ARRAY['n'], "
        "bucket_count = 2) AS SELECT 1 AS n"
    ),
    "CREATE TABLE ice (n int) LOCATION 's3://corpus/ice/' TBLPROPERTIES ('table_type' = 'ICEBERG')",
    "CREATE TABLE emptied (n int) LOCATION 's3://corpus/emptied/' TBLPROPERTIES ('table_type' = 'ICEBERG')",
    "CREATE TABLE date WITH (external_location = 's3://corpus/date/') AS SELECT 1 AS n",
    "CREATE VIEW seen AS SELECT n FROM events",
)


@pytest.fixture(scope="module")
def corpus(lane: Server) -> Asked:
    caller = Asked(lane, CORPUS)
    caller.s3.create_bucket(Bucket=CORPUS)
    location = f"s3://{CORPUS}/db/"
    caller.glue.create_database(DatabaseInput={"Name": CORPUS, "LocationUri": location})
    for statement in TABLES:
        caller.done(statement)
    return caller


def named(case: dict[str, Any]) -> str:
    return str(case["statement"])[:80]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_trino_takes_and_athena_refuses_is_refused(corpus: Asked, case: dict[str, Any]) -> None:
    more = {"ExecutionParameters": case["parameters"]} if "parameters" in case else {}
    reason = corpus.refused(case["statement"], **more)
    assert case["says"] in reason

    corpus.trino.run(case.get("trino", case["statement"]), CORPUS, headers=case.get("headers"))
    if "undo" in case:
        corpus.trino.run(case["undo"], CORPUS)


def test_the_corpus_has_enough_statements_and_a_source_for_each() -> None:
    documented = [case for case in CASES if not case.get("inferred")]
    assert len(documented) >= 50
    assert all(case["source"] for case in CASES)
    assert len({case["statement"] for case in CASES}) == len(CASES)


def test_every_function_of_the_list_is_one_of_this_trino(corpus: Asked) -> None:
    known = {row[0].lower() for row in corpus.trino.run("SHOW FUNCTIONS").rows}
    assert set(reviewed()["allowed"].split()) <= known


@pytest.mark.parametrize("length", [254, 255])
def test_an_array_has_at_most_254_elements(corpus: Asked, length: int) -> None:
    sql = f"SELECT cardinality(ARRAY[{', '.join(['1'] * length)}])"
    assert corpus.trino.run(sql).rows == [[length]]
    if length > 254:
        assert "Too many arguments for array constructor" in corpus.refused(sql)
    else:
        assert corpus.done(sql) == [["254"]]


def test_a_statement_has_at_most_262144_bytes(corpus: Asked) -> None:
    with pytest.raises(corpus.athena.exceptions.InvalidRequestException, match="262144"):
        corpus.start("SELECT 1 -- " + "x" * 262144)


def test_a_function_has_at_most_127_arguments(corpus: Asked) -> None:
    assert "Too many arguments for function call" in corpus.refused(
        f"SELECT greatest({', '.join(['1'] * 128)})"
    )
    assert corpus.done(f"SELECT greatest({', '.join(['1'] * 127)})") == [["1"]]


def test_a_ctas_writes_at_most_100_partitions(corpus: Asked) -> None:
    sql = "SELECT 1 AS n, p FROM UNNEST(sequence(1, {})) AS t (p)"
    options = "external_location = 's3://corpus/many{0}/', partitioned_by = ARRAY['p']"
    corpus.done(f"CREATE TABLE many100 WITH ({options.format(100)}) AS {sql.format(100)}")
    reason = corpus.refused(f"CREATE TABLE many101 WITH ({options.format(101)}) AS {sql.format(101)}")
    assert "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions" in reason
