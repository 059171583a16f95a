from __future__ import annotations

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from contracts.errors import UsageError
from lakehouse.arrow_types import arrow_schema
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import connect, create_raw_view, query, release_of, views
from tests.records import DECLARATIONS, event, put_raw
from tests.tables import SCHEMA, THINGS, publish, thing


def asked(lake: Lake, sql: str, number: int | None = None) -> list[dict[str, object]]:
    with connect(lake, release_of(lake, number)) as connection:
        create_raw_view(connection, lake)
        rows: list[dict[str, object]] = query(connection, sql).to_pylist()
        return rows


def released(lake: Lake, number: int, snapshot: int, identifier: str = THINGS) -> None:
    made = Release(
        number=number, run_id=f"r{number}", verb="test", created_at="", tables={identifier: snapshot}
    )
    lake.releases.complete(made)


def snapshot_of(table: Table) -> int:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return snapshot.snapshot_id


def test_a_table_that_no_run_touched_is_empty_and_typed(lake: Lake) -> None:
    with connect(lake, None) as connection:
        for name, fields in DECLARATIONS.curated.items():
            found = query(connection, f"select * from curated.{name}")
            assert (found.num_rows, found.schema.names) == (0, [f.name for f in fields])
            assert found.schema.types == arrow_schema(fields).types


def test_the_platform_has_its_tables_in_a_new_lake(lake: Lake) -> None:
    for table in DECLARATIONS.tables.values():
        assert asked(lake, f"select count(*) as n from {table.identifier}") == [{"n": 0}]
    assert asked(lake, "select * from raw.records") == []


def test_every_declared_table_has_a_view(lake: Lake) -> None:
    wanted = {f"curated.{name}" for name in DECLARATIONS.events} | {
        table.identifier for table in DECLARATIONS.tables.values()
    }
    assert {f"{view.schema}.{view.name}" for view in views(lake, None)} == wanted
    assert {view.schema for view in views(lake, None, schemas=["platform"])} == {"platform"}


def test_a_view_shows_the_release_and_not_what_was_published_since(lake: Lake) -> None:
    released(lake, 1, publish(lake, "r1", thing("a")).after)
    publish(lake, "r2", thing("b"))
    assert asked(lake, "select name from curated.things") == [{"name": "a"}]


def test_an_earlier_release_is_read_as_of_its_number(lake: Lake) -> None:
    for number, name in enumerate("abc", start=1):
        released(lake, number, publish(lake, f"r{number}", thing(name, number)).after)
    counted = [asked(lake, "select count(*) as n from curated.things", number) for number in (1, 2, 3, None)]
    assert counted == [[{"n": 1}], [{"n": 2}], [{"n": 3}], [{"n": 3}]]


def test_a_release_that_is_not_there_is_an_error_of_usage(lake: Lake) -> None:
    with pytest.raises(UsageError, match="There is no release 7"):
        asked(lake, "select 1", 7)


def test_a_new_column_is_null_for_old_files(lake: Lake) -> None:
    publish(lake, "r1", thing("a"))
    wider = SCHEMA.append(pa.field("colour", pa.string()))
    released(lake, 1, publish(lake, "r2", thing("b", 2, colour="red"), schema=wider).after)
    rows = asked(lake, "select name, colour from curated.things order by name")
    assert rows == [{"name": "a", "colour": None}, {"name": "b", "colour": "red"}]


def test_a_field_that_is_new_inside_a_list_is_null_for_old_files(lake: Lake) -> None:
    publish(lake, "r1", thing("a", parts=[{"sku": "x", "weight": 1.0}]))
    part = pa.struct([("sku", pa.string()), ("weight", pa.float64()), ("colour", pa.string())])
    wider = pa.schema([*list(SCHEMA)[:3], pa.field("parts", pa.list_(part))])
    new = thing("b", 2, parts=[{"sku": "y", "weight": 2.0, "colour": "red"}])
    released(lake, 1, publish(lake, "r2", new, schema=wider).after)
    rows = asked(lake, "select name, parts[1].colour as colour from curated.things order by name")
    assert rows == [{"name": "a", "colour": None}, {"name": "b", "colour": "red"}]


def test_a_column_younger_than_every_file_of_a_declared_table_is_null(lake: Lake) -> None:
    fields = DECLARATIONS.curated["page_viewed"]
    old = arrow_schema(f for f in fields if f.name != "extras")
    table = lake.catalogue.ensure("curated.page_viewed", old, "occurred_at")
    row = {"event_id": "e", "occurred_at": thing("a")["occurred_at"]}
    table.append(pa.Table.from_pylist([row], schema=old))
    released(lake, 1, snapshot_of(table), "curated.page_viewed")
    assert asked(lake, "select event_id, extras from curated.page_viewed") == [
        {"event_id": "e", "extras": None}
    ]


def test_a_mart_without_rows_keeps_its_columns_and_types(lake: Lake) -> None:
    table = lake.catalogue.ensure("marts.fct_things", SCHEMA, "occurred_at")
    released(lake, 1, snapshot_of(table), "marts.fct_things")
    with connect(lake, release_of(lake)) as connection:
        found = query(connection, "select * from marts.fct_things")
    assert (found.num_rows, found.schema) == (0, SCHEMA)


def test_raw_records_can_be_looked_at(lake: Lake) -> None:
    raw_object = put_raw(lake, "a", event(event_id="e-1"), event(event_id="e-2"))
    rows = asked(
        lake, "select raw_object, record->>'$.detail.metadata.event_id' as id from raw.records order by id"
    )
    assert rows == [{"raw_object": raw_object, "id": "e-1"}, {"raw_object": raw_object, "id": "e-2"}]


def test_a_lake_in_a_folder_with_a_quote_in_its_name_can_be_asked(lake: Lake) -> None:
    odd = Lake.create(lake.root.parent / "the shop's lake")
    put_raw(odd, "a", event())
    released(odd, 1, publish(odd, "r1", thing("a")).after)
    assert asked(odd, "select count(*) as n from curated.things") == [{"n": 1}]
    assert asked(odd, "select count(*) as n from raw.records") == [{"n": 1}]


def test_a_wrong_statement_is_answered_with_the_reason_and_the_way_to_the_tables(lake: Lake) -> None:
    with pytest.raises(UsageError, match=r"(?s)order_plaiced.*information_schema"):
        asked(lake, "select * from curated.order_plaiced")


def test_a_statement_that_answers_nothing_gives_no_rows(lake: Lake) -> None:
    assert asked(lake, "create temp table t (n int)") == []
