"""What a row becomes, whatever its types; which rows come; and what a run may do to the database."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from commands import REPOSITORY
from extracting import declared, documents, read
from postgres_server import OWNER, Database

from contracts.declarations import load_declarations
from contracts.errors import UsageError
from contracts.sources import load_sources
from ingestion import extract as extracting
from ingestion.event_log import EventLog, Watermark
from ingestion.postgres import ROWS_AT_ONCE, Row, snapshot

COUNTS = "{table: counts, watermark: mark, key: [id], overlap: 5 minutes}"
TYPES: list[tuple[str, str, Any]] = [
    ("numeric(18, 4)", "12345678901234.5678", "12345678901234.5678"),
    ("numeric", "'NaN'", "NaN"),
    ("bigint", "9007199254740993", 9007199254740993),
    ("smallint", "-1", -1),
    ("boolean", "false", False),
    ("real", "1.5", 1.5),
    ("double precision", "0.1", 0.1),
    ("double precision", "'-Infinity'", "-Infinity"),
    ("timestamptz", "'2024-02-29 23:30:00.123456+01'", "2024-02-29T22:30:00.123456Z"),
    ("timestamptz", "'infinity'", "infinity"),
    ("timestamp", "'2024-02-29 23:30:00.5'", "2024-02-29T23:30:00.5"),
    ("date", "'2024-02-29'", "2024-02-29"),
    ("date", "'12024-02-29'", "12024-02-29"),
    ("time", "'23:30'", "23:30:00"),
    ("interval", "'1 day 2 hours'", "P1DT2H"),
    ("jsonb", """'{"a": [1, 12345678901234567890.123, null]}'""", {"a": [1, 12345678901234567890.123, None]}),
    ("json", """'{"a" :\n"é"}'""", {"a": "é"}),
    ("jsonb", "'null'", None),
    ("bytea", r"'\x00ff10'", "AP8Q"),
    ("bytea", "''", ""),
    ("text", "'Zoë 😀 \U0010ffff \t \n \\ \" %'", 'Zoë 😀 \U0010ffff \t \n \\ " %'),
    ("text", "''", ""),
    ("varchar(5)", "null", None),
    ("char(3)", "'a'", "a  "),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet", "'10.0.0.1/24'", "10.0.0.1/24"),
    ("int4range", "'[1,5)'", "[1,5)"),
    ("integer[]", "'{{1,null},{3,4}}'", [[1, None], [3, 4]]),
    ("numeric(10, 2)[]", "'{1.10,2}'", ["1.10", "2.00"]),
    ("text[]", """array['a,b', '"', null, '']""", ["a,b", '"', None, ""]),
    ("timestamptz[]", "array['2024-01-01Z'::timestamptz]", ["2024-01-01T00:00:00Z"]),
    ("jsonb[]", """array['{"a": 1}'::jsonb]""", [{"a": 1}]),
    ("mood", "'so so'", "so so"),
    ("mood[]", "array['so so', 'ok']::mood[]", ["so so", "ok"]),
]


def counted(database: Database, *marks: str, of: str = "timestamptz") -> None:
    database.run(f"create table counts (id integer, mark {of}, note text)")
    for number, mark in enumerate(marks):
        database.run(f"insert into counts values ({number}, {mark}, 'n')")


def test_every_type_has_its_form_in_json(tmp_path: Path, log: EventLog, database: Database) -> None:
    database.run("create type mood as enum ('so so', 'ok')")
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _, _) in enumerate(TYPES))
    database.run(f"create table counts (id integer, mark timestamptz, {columns})")
    database.run(f"insert into counts values (1, '2024-01-01Z', {', '.join(value for _, value, _ in TYPES)})")
    read(tmp_path, log, database, COUNTS)
    (found,) = documents(log)
    assert found["topic"] == "counts"
    assert {TYPES[n][:2]: found["payload"][f"c{n}"] for n in range(len(TYPES))} == {
        (kind, value): expected for kind, value, expected in TYPES
    }


def test_numbers_in_json_keep_their_digits(tmp_path: Path, log: EventLog, database: Database) -> None:
    database.run("create table counts (id bigint, mark timestamptz, data jsonb)")
    database.run("""insert into counts values (1, '2024-01-01Z', '{"n": 12345678901234567890.12345}')""")
    read(tmp_path, log, database, COUNTS)
    (record,) = log._connection.execute("select record from events").fetchone()  # noqa: SLF001 what waits, as it is
    assert b'{"n": 12345678901234567890.12345}' in record


def test_a_very_large_text_comes_whole(tmp_path: Path, log: EventLog, database: Database) -> None:
    database.run("create table counts (id integer, mark timestamptz, note text)")
    database.run("insert into counts values (1, '2024-01-01Z', repeat('ä', 4000000))")
    read(tmp_path, log, database, COUNTS)
    (found,) = documents(log)
    assert found["payload"]["note"] == "ä" * 4_000_000


@pytest.mark.parametrize(
    ("kind", "overlap", "before", "within", "behind"),
    [
        ("bigint", "10", "100", "90", "89"),
        ("smallint", "0", "100", "100", "99"),
        ("date", "2 days", "'2024-02-10'", "'2024-02-08'", "'2024-02-07'"),
        ("timestamp", "30 seconds", "'2024-02-10 10:00'", "'2024-02-10 09:59:30'", "'2024-02-10 09:59:29.999'"),
        ("timestamptz", "1 hour", "'2024-02-10 10:00Z'", "'2024-02-10 10:00+01'", "'2024-02-10 10:59+02'"),
    ],
)  # fmt: skip
def test_a_watermark_is_a_number_a_date_or_a_time(
    tmp_path: Path,
    log: EventLog,
    database: Database,
    kind: str,
    overlap: str,
    before: str,
    within: str,
    behind: str,
) -> None:
    declaration = f"{{table: counts, watermark: mark, key: [id], overlap: {overlap}}}"
    counted(database, before, of=kind)
    first = read(tmp_path, log, database, declaration)
    database.run(f"delete from counts; insert into counts values (7, {within}, 'n'), (8, {behind}, 'n')")
    second = read(tmp_path, log, database, declaration)
    assert (second.rows, second.watermark_after) == (1, first.watermark_after)
    assert documents(log)[-1]["payload"]["id"] == 7


def test_rows_without_a_watermark_come_each_time_and_are_told(
    tmp_path: Path, log: EventLog, database: Database
) -> None:
    counted(database, "null", "'2024-01-01Z'", "null")
    first, second = (read(tmp_path, log, database, COUNTS) for _ in range(2))
    assert (first.rows, first.unmarked, second.rows, second.unmarked) == (3, 2, 3, 2)
    assert second.watermark_after == "2024-01-01 00:00:00+00"


def test_rows_that_all_lack_a_watermark_set_none(tmp_path: Path, log: EventLog, database: Database) -> None:
    counted(database, "null")
    found = read(tmp_path, log, database, COUNTS)
    assert (found.rows, found.watermark_after, log.watermark("counts", "counts")) == (1, None, None)


def test_a_watermark_set_back_by_rows_of_the_overlap_stays(
    tmp_path: Path, log: EventLog, database: Database
) -> None:
    counted(database, "'2024-01-01 10:00Z'")
    read(tmp_path, log, database, COUNTS)
    database.run("update counts set mark = '2024-01-01 09:58Z'")
    found = read(tmp_path, log, database, COUNTS)
    assert (found.rows, found.watermark_after) == (1, "2024-01-01 10:00:00+00")


def test_a_query_may_hold_whatever_sql_may(tmp_path: Path, log: EventLog, database: Database) -> None:
    database.run(
        'create schema "My Shop"; create table "My Shop"."Counts: 100%" ("Id" int, "mark:at" timestamptz)'
    )
    database.run("""insert into "My Shop"."Counts: 100%" values (1, '2024-01-01Z')""")
    table = """{table: "My Shop.Counts: 100%", watermark: "mark:at", key: [Id], overlap: 0 minutes}"""
    query = """{table: q, query: "select *, to_char(now(), 'HH24 :MI')::text like '%:%' as \\"a:b\\" from \\"My Shop\\".\\"Counts: 100%\\" -- all", \
watermark: "mark:at", key: [Id], overlap: 0 minutes}"""
    assert [read(tmp_path, log, database, each).rows for each in (table, query, table, query)] == [1] * 4
    assert documents(log)[1]["payload"] == {"Id": 1, "mark:at": "2024-01-01T00:00:00Z", "a:b": True}


@pytest.mark.parametrize(
    "query", ["select 1 / (id - id) as id, mark from counts", "select note::integer as id, mark from counts"]
)
def test_a_query_that_fails_tells_no_values(
    tmp_path: Path, log: EventLog, database: Database, query: str
) -> None:
    database.run("create table counts (id integer, mark timestamptz, note text)")
    database.run("insert into counts values (1, '2024-01-01Z', 'private@example.com')")
    with pytest.raises(UsageError, match=r"counts\.yaml:6: counted cannot be read") as error:
        read(
            tmp_path,
            log,
            database,
            f"{{table: counted, query: '{query}', watermark: mark, key: [id], overlap: 0 minutes}}",
        )
    assert "private" not in str(error.value)


def test_nothing_can_be_written_even_by_a_role_that_may(
    tmp_path: Path, log: EventLog, database: Database
) -> None:
    counted(database, "'2024-01-01Z'")
    database.run(
        "create function bump() returns setof counts language sql as 'insert into counts select * from counts returning *'"
    )
    source = declared(
        tmp_path, "{table: q, query: select * from bump(), watermark: mark, key: [id], overlap: 0 minutes}"
    )
    with pytest.raises(UsageError, match="ReadOnlySqlTransaction"):
        extracting.extract(source, database.server.address(database.name, OWNER), log)
    with database.connect() as connection:
        assert connection.execute("select count(*) from counts").fetchone() == (1,)


def test_a_table_of_100_000_rows_is_read_a_thousand_at_a_time(
    tmp_path: Path, log: EventLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.run("create table counts (id integer, mark timestamptz)")
    database.run(
        "insert into counts select n, timestamptz '2024-01-01' + n * interval '1 second' from generate_series(1, 100000) n"
    )
    kept: list[tuple[int, Watermark | None, str]] = []
    with database.connect() as watching:
        monkeypatch.setattr(
            log,
            "append_extracted",
            lambda records, mark, **_: kept.append((len(records), mark, asked(watching))),
        )
        found = read(tmp_path, log, database, COUNTS)
    assert found.rows == 100_000
    assert {size for size, _, _ in kept} == {ROWS_AT_ONCE}
    assert len({mark for _, mark, _ in kept}) == len(kept) == 100
    fetched = {int(query.partition("FETCH FORWARD ")[2].split()[0]) for _, _, query in kept}
    assert max(fetched) == ROWS_AT_ONCE


def asked(watching: Any) -> str:
    """What the run asked the server last."""
    query = "select query from pg_stat_activity where usename = 'reader' and datname = current_database()"
    (found,) = watching.execute(query).fetchall()
    return str(found[0])


def test_a_source_is_declared_by_following_the_cookbook(
    tmp_path: Path, log: EventLog, database: Database
) -> None:
    page = (REPOSITORY / "docs/cookbooks/extract-from-a-database.md").read_text("utf-8")
    text = page.partition("title=my-contracts/sources/back_office.yaml\n")[2].partition("```")[0]
    (tmp_path / "back_office.yaml").write_text(text)
    declarations = load_declarations()
    source = load_sources(tmp_path, declarations.events, declarations.envelope.metadata)["back_office"]
    database.run(
        "create table counts (id int, sku text, shop text, units int, updated_at timestamptz);"
        "create table corrections (id int, sku text, shop text, units int, changed_on date, approved boolean);"
        "insert into counts values (1, 'S', 'A', 4, '2024-01-01Z');"
        "insert into corrections values (1, 'S', 'A', -1, '2024-01-02', true), (2, 'S', 'A', 1, '2024-01-02', false)"
    )
    found = extracting.extract(source, database.address, log)
    assert [(each.rows, each.published, each.unmatched) for each in found] == [(1, 1, 0), (1, 1, 0)]
    assert [each["payload"]["units"] for each in documents(log)] == [4, -1]


def test_batches_are_lists_of_whole_rows(tmp_path: Path, database: Database) -> None:
    counted(database, "'2024-01-01Z'")
    (table,) = declared(tmp_path, COUNTS).extracts
    with snapshot(database.address) as found:
        assert list(found.batches(table, "timestamptz", None)) == [
            [Row(b'{"id":0,"mark":"2024-01-01T00:00:00Z","note":"n"}', "2024-01-01 00:00:00+00")]
        ]


def test_a_batch_and_its_watermark_are_kept_together_or_not_at_all(log: EventLog) -> None:
    mark = Watermark("shop", "counts", "1", "bigint")
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    log.append_extracted([b"a"], mark, bus="shop", received_at=now)
    log.append_extracted([], Watermark("shop", "counts", "2", "bigint"), bus="shop", received_at=now)
    assert (len(log), log.watermark("shop", "counts")) == (1, Watermark("shop", "counts", "2", "bigint"))
    assert log.watermark("shop", "others") is None
