from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.expressions.visitors import visit

from contracts.errors import HeldError
from lakehouse.catalogue import branch_of
from lakehouse.lake import Lake
from lakehouse.releases import Move
from tests.tables import SCHEMA, THINGS, names, publish, stage, thing, things


def snapshots(lake: Lake) -> list[int]:
    return [s.snapshot_id for s in things(lake).snapshots()]


def test_a_table_that_nobody_made_is_none(lake: Lake) -> None:
    assert lake.catalogue.load(THINGS) is None
    assert lake.catalogue.identifiers() == []


def test_a_new_table_has_a_snapshot_without_rows_for_branches_to_begin_at(lake: Lake) -> None:
    assert things(lake).current_snapshot() is not None
    assert names(lake) == []
    assert lake.catalogue.identifiers() == [THINGS]


def test_a_table_is_made_once(lake: Lake) -> None:
    things(lake)
    before = snapshots(lake)
    assert snapshots(lake) == before


@pytest.mark.parametrize(
    ("partition", "field"), [("occurred_at", "occurred_at_day"), ("on_date", "on_date_value"), (None, None)]
)
def test_a_time_is_partitioned_by_day_and_a_date_by_value(
    lake: Lake, partition: str | None, field: str | None
) -> None:
    table = lake.catalogue.ensure(THINGS, SCHEMA.append(pa.field("on_date", pa.date32())), partition)
    assert [f.name for f in table.spec().fields] == ([field] if field else [])


def test_a_wider_schema_adds_columns_at_the_end_and_loses_none(lake: Lake) -> None:
    things(lake)
    wider = pa.schema([pa.field("colour", pa.string()), SCHEMA.field("name"), SCHEMA.field("occurred_at")])
    for schema in (wider, SCHEMA):
        assert [f.name for f in things(lake, schema).schema().fields] == [*SCHEMA.names, "colour"]


def test_a_field_that_is_new_inside_a_list_is_added_there(lake: Lake) -> None:
    things(lake)
    part = pa.struct([("sku", pa.string()), ("weight", pa.float64()), ("colour", pa.string())])
    wider = pa.schema([*list(SCHEMA)[:3], pa.field("parts", pa.list_(part))])
    publish(lake, "one", thing("a", parts=[{"sku": "x", "weight": 1.0, "colour": "red"}]), schema=wider)
    assert things(lake).scan().to_arrow()["parts"].to_pylist() == [
        [{"sku": "x", "weight": 1.0, "colour": "red"}]
    ]


def test_a_schema_that_brings_nothing_new_writes_no_metadata(lake: Lake) -> None:
    before = things(lake).metadata_location
    assert things(lake).metadata_location == before


def test_staged_rows_are_seen_on_the_branch_and_not_on_main(lake: Lake) -> None:
    move = stage(lake, "one", thing("a"))
    assert names(lake) == []
    assert things(lake).refs()[branch_of("one")].snapshot_id == move.after
    assert things(lake).scan(snapshot_id=move.after).to_arrow()["name"].to_pylist() == ["a"]


def test_publishing_moves_main_and_drops_the_branch(lake: Lake) -> None:
    move = publish(lake, "one", thing("a"))
    assert names(lake) == ["a"]
    assert things(lake).current_snapshot().snapshot_id == move.after
    assert set(things(lake).refs()) == {"main"}


def test_a_run_builds_on_what_was_published_before(lake: Lake) -> None:
    first = publish(lake, "one", thing("a"))
    second = publish(lake, "two", thing("b", 2))
    assert second.before == first.after
    assert names(lake) == ["a", "b"]


def test_publishing_again_is_harmless(lake: Lake) -> None:
    first = publish(lake, "one", thing("a"))
    publish(lake, "two", thing("b"))
    lake.catalogue.publish(THINGS, "one", first)
    assert names(lake) == ["a", "b"]


def test_a_move_whose_branch_is_gone_still_arrives(lake: Lake) -> None:
    move = stage(lake, "one", thing("a"))
    things(lake).manage_snapshots().remove_branch(branch_of("one")).commit()
    lake.catalogue.publish(THINGS, "one", move)
    assert names(lake) == ["a"]


def test_of_two_runs_from_one_snapshot_the_later_is_refused(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.catalogue.time.sleep", lambda _: None)
    first, second = stage(lake, "one", thing("a")), stage(lake, "two", thing("b"))
    assert first.before == second.before
    lake.catalogue.publish(THINGS, "one", first)
    with pytest.raises(HeldError, match=f"Table {THINGS} was written by another program"):
        lake.catalogue.publish(THINGS, "two", second)
    assert names(lake) == ["a"]
    assert branch_of("two") in things(lake).refs()


def test_a_move_from_a_snapshot_where_main_is_not_is_refused(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.catalogue.time.sleep", lambda _: None)
    move = stage(lake, "one", thing("a"))
    for before in (None, move.after, 1):
        with pytest.raises(HeldError):
            lake.catalogue.publish(THINGS, "one", Move(before, move.after))
    assert names(lake) == []


def test_a_discarded_run_leaves_nothing_in_any_table(lake: Lake) -> None:
    publish(lake, "one", thing("a"))
    before = snapshots(lake)
    stage(lake, "two", thing("b"))
    lake.catalogue.discard("two")
    assert (snapshots(lake), set(things(lake).refs()), names(lake)) == (before, {"main"}, ["a"])
    lake.catalogue.discard("two")


def test_the_metadata_of_an_unpublished_run_is_its_own_manifests_only(lake: Lake) -> None:
    publish(lake, "one", thing("a"))
    folder = Path(things(lake).location().removeprefix("file://")) / "metadata"
    before = set(folder.glob("*.avro"))
    stage(lake, "two", thing("b"))
    staged = {Path(path.removeprefix("file://")) for path in lake.catalogue.staged_metadata("two")}
    assert staged == set(folder.glob("*.avro")) - before
    assert lake.catalogue.staged_metadata("one") == []


def test_removed_files_are_replaced_in_one_snapshot(lake: Lake) -> None:
    before = publish(lake, "one", thing("a"), thing("b", 2))
    old = [f for f in lake.catalogue.files(THINGS, before.after) if f.record_count == 1][:1]
    move = lake.catalogue.stage(things(lake), "two", [], old)
    lake.catalogue.publish(THINGS, "two", move)
    assert len(names(lake)) == 1
    assert len(lake.catalogue.files(THINGS, before.after)) == 2


def test_a_snapshot_of_before_is_still_read(lake: Lake) -> None:
    first = publish(lake, "one", thing("a"))
    publish(lake, "two", thing("b", 2))
    assert len(lake.catalogue.files(THINGS, first.after)) == 1


def test_files_that_hold_no_row_of_a_filter_are_left_out(lake: Lake) -> None:
    move = publish(lake, "one", thing("a"), thing("b", 2), thing("c", 3))
    found = lake.catalogue.files(THINGS, move.after, "occurred_at >= '2026-11-02T00:00:00' and name < 'c'")
    assert [f.lower_bounds[1] for f in found] == [b"b"]


def test_files_are_taken_out_though_threads_look_for_them_in_many_manifests_at_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 7):
        publish(lake, f"run-{day}", thing(f"{day}", day))
    table = things(lake)
    gone = [file for file in lake.catalogue.files(THINGS, None) if "2026-11-03" in file.file_path]

    def slowly(self: Any, manifest: Any) -> bool:
        """As pyiceberg does it, with a pause in which another thread comes by."""
        self.partition_fields = manifest.partitions
        time.sleep(0.02)
        return bool(visit(self.partition_filter, self))

    monkeypatch.setattr("pyiceberg.expressions.visitors._ManifestEvalVisitor.eval", slowly)
    move = lake.catalogue.stage(table, "gone", [], gone)
    assert len(gone) == 1
    lake.catalogue.publish(THINGS, "gone", move)
    assert names(lake) == ["1", "2", "4", "5", "6"]
