from __future__ import annotations

from typing import Any

import pytest

from local_athena import types, values
from local_athena.errors import QueryFailedError
from local_athena.functions import reviewed
from local_athena.reader import Reader, pattern, plain_properties, properties, quoted, split, unquoted
from local_athena.refusals import check_query


class SomeFunctions:
    """Functions of a Trino that is newer than Athena."""

    refused = frozenset(["any_value", "sinh"])


def refused(sql: str) -> str:
    functions: Any = SomeFunctions()
    with pytest.raises(QueryFailedError) as raised:
        check_query(sql, functions)
    return str(raised.value)


def taken(sql: str) -> bool:
    functions: Any = SomeFunctions()
    check_query(sql, functions)
    return True


def test_words_are_seen_whatever_their_case_and_comments_are_not() -> None:
    reader = Reader("-- first\nCreate /* second */ TABLE a.`b c` (n int) -- third")
    assert reader.takes("create", "table")
    assert reader.name() == ["a", "b c"]
    assert reader.group() == "n int"
    assert reader.ended


def test_a_quoted_name_is_no_word() -> None:
    assert not Reader('"select" 1').sees("select")


def test_semicolons_end_a_statement_and_part_nothing_else() -> None:
    assert Reader("SELECT ';' ; ;").text.strip() == "SELECT ';'"
    with pytest.raises(QueryFailedError, match="Only one sql statement"):
        Reader("SELECT 1; SELECT 2")


@pytest.mark.parametrize("text", ["SELECT 'open", "SELECT (1", 'SELECT "open'])
def test_what_is_left_open_never_hangs(text: str) -> None:
    try:
        reader = Reader(text)
    except QueryFailedError:
        return
    reader.skip_to("nowhere")
    assert reader.text == text


def test_a_list_is_split_outside_of_brackets_and_quotes() -> None:
    assert split("a int, b struct<x:int,y:map<string,int>>, 'c,d', f(1, 2), ") == [
        "a int", "b struct<x:int,y:map<string,int>>", "'c,d'", "f(1, 2)",
    ]  # fmt: skip
    assert split("") == []


def test_properties_are_read_as_written_or_plain() -> None:
    text = "format = 'ORC', partitioned_by = ARRAY['a', 'b'], \"Quoted\" = 'it''s'"
    assert properties(text) == {"format": "'ORC'", "partitioned_by": "ARRAY['a', 'b']", "quoted": "'it''s'"}
    assert plain_properties("'A.b' = '1', \"c\"=\"2\"") == {"A.b": "1", "c": "2"}


def test_quotes_are_put_on_and_taken_off() -> None:
    assert quoted("a", 'b"c') == '"a"."b""c"'
    assert [unquoted(w) for w in ("'it''s'", '"a"', "`b`", "c", "'")] == ["it's", "a", "b", "c", "'"]


def test_patterns_of_show_know_the_star_and_or() -> None:
    names = ["flights_2016", "flights_parquet", "logs"]
    assert [n for n in names if pattern("flights*").fullmatch(n)] == names[:2]
    assert [n for n in names if pattern(".*2016|logs").fullmatch(n)] == ["flights_2016", "logs"]


def test_columns_of_ddl_have_types_and_comments() -> None:
    assert types.columns("`A` INT COMMENT 'it''s', b struct<comment:string, at : timestamp>") == [
        {"Name": "a", "Type": "int", "Comment": "it's"},
        {"Name": "b", "Type": "struct<comment:string,at:timestamp>"},
    ]


@pytest.mark.parametrize("column", ["date string", "order int", '"n" int', "timestamp timestamp"])
def test_names_in_ddl_are_quoted_with_backticks_or_no_reserved_words(column: str) -> None:
    with pytest.raises(QueryFailedError, match="expecting a name"):
        types.columns(column)
    assert types.columns("`date` string")[0]["Name"] == "date"


@pytest.mark.parametrize(
    "kind",
    [
        "timestamp with time zone",
        "timestamptz",
        "timestamp(6)",
        "time",
        "uuid",
        "json",
        "row(a int)",
        "array<uuid>",
    ],
)
def test_types_that_ddl_does_not_have_are_refused(kind: str) -> None:
    with pytest.raises(QueryFailedError, match="in column type"):
        types.columns(f"a {kind}")


@pytest.mark.parametrize(
    ("trino", "hive"),
    [
        ("varchar", "string"), ("varchar(3)", "varchar(3)"), ("integer", "int"), ("real", "float"),
        ("varbinary", "binary"), ("timestamp(6)", "timestamp"), ("decimal(10,2)", "decimal(10,2)"),
        ('row("a" integer, b array(varchar))', "struct<a:int,b:array<string>>"), ("map(varchar, bigint)", "map<string,bigint>"),
        ("timestamp(3) with time zone", None), ("array(timestamp(6) with time zone)", None), ("time(3)", None),
        ("uuid", None), ("json", None), ("interval day to second", None), ("ipaddress", None),
    ],
)  # fmt: skip
def test_types_of_trino_have_one_of_hive_or_none(trino: str, hive: str | None) -> None:
    assert types.to_hive(trino) == hive


def test_types_of_hive_are_said_in_trinos_words() -> None:
    assert (
        types.to_trino("struct<a:int,b:array<string>,c:timestamp>")
        == "ROW(a INTEGER, b ARRAY(VARCHAR), c TIMESTAMP(6))"
    )


@pytest.mark.parametrize(
    ("value", "kind", "cell"),
    [
        (None, "integer", None), (True, "boolean", "true"), ("q80=", "varbinary", "ab cd"), ("1.0E10", "double", "1.0E10"),
        ("2026-01-02 03:04:05", "timestamp", "2026-01-02 03:04:05.000"),
        ("2026-01-02 03:04:05.123456", "timestamp", "2026-01-02 03:04:05.123456"),
        ("2026-01-02 03:04:05 UTC", "timestamp with time zone", "2026-01-02 03:04:05.000 UTC"),
    ],
)  # fmt: skip
def test_values_are_printed_as_athena_prints_them(value: Any, kind: str, cell: str | None) -> None:
    assert values.text(value, {"rawType": kind}) == cell


def test_a_line_of_results_tells_null_from_nothing() -> None:
    assert values.csv_line(["a", None, "", 'x,"y"']) == '"a",,"","x,""y"""\n'


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT any_value FROM t", "SELECT 'any_value(n)'", "SELECT n FROM t -- any_value(n)", 'SELECT "$path" FROM t',
        'SELECT * FROM "t$partitions"', "SELECT 10, 1e5, x'ff', .5", "SELECT n FROM t LIMIT 2147483647",
        "SELECT a.b FROM system AS a",
        "WITH function_of AS (SELECT 1 AS n) SELECT n FROM function_of", "SELECT n FROM t WHERE n = ?",
        "WITH t (n) AS (VALUES 1) SELECT n FROM t",
    ],
)  # fmt: skip
def test_what_only_looks_like_something_refused_is_taken(sql: str) -> None:
    assert taken(sql)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT any_value(n) FROM t", "not registered"), ('SELECT "SINH" (1.0)', "not registered"),
        ("SELECT * FROM json_table('{}', 'lax $' COLUMNS (a int))", "not registered"),
        ("SELECT * FROM a JOIN TABLE(sequence(1, 2)) ON true", "Table functions"),
        ('SELECT * FROM x."t$properties"', "does not exist"), ('SELECT * FROM "iceberg_"."a"."b"', "does not exist"),
        ("SELECT 0xff", "mismatched"), ("SELECT 1_000", "mismatched"), ("SELECT n FROM t LIMIT 2147483648", "LIMIT"),
        ("SELECT a, ? FROM t", "Parameters"), ("WITH FUNCTION f() RETURNS int RETURN 1 SELECT f()", "FUNCTION"),
        ("WITH SESSION a = 1 SELECT 1", "SESSION"),
    ],
)  # fmt: skip
def test_what_athena_refuses_is_refused(sql: str, reason: str) -> None:
    assert reason in refused(sql)


def test_no_function_of_the_list_is_there_twice() -> None:
    names = reviewed()["allowed"].split()
    assert len(names) == len(set(names))
    assert not {"any_value", "sinh", "array_histogram"} & set(names)
