from __future__ import annotations

from pathlib import Path

import pytest
from conftest import BUCKET, profile

from contracts.errors import HeldError, StorageError, UsageError
from lakehouse._aws import client
from lakehouse._glue import GlueService
from lakehouse.catalogue import Catalogue
from lakehouse.lake import Lake
from tests.tables import SCHEMA, THINGS, names, publish, stage, thing, things


def test_tables_go_by_their_own_names_whatever_the_database_is_called(lake: Lake) -> None:
    table = things(lake)
    assert lake.catalogue.name_of(table) == THINGS
    assert lake.catalogue.identifiers() == [THINGS]
    glue = client("glue").get_table(DatabaseName=f"{lake.profile.glue_database_prefix}curated", Name="things")
    assert glue["Table"]["Parameters"]["table_type"] == "ICEBERG"
    assert table.location() == f"{lake.profile.store}/warehouse/curated/things"


def test_rows_are_staged_published_and_read(lake: Lake) -> None:
    publish(lake, "one", thing("a"))
    stage(lake, "two", thing("b"))
    assert names(lake) == ["a"]
    lake.catalogue.discard("two")
    assert set(things(lake).refs()) == {"main"}


def test_of_two_runs_from_one_snapshot_the_later_is_refused(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.catalogue.time.sleep", lambda _: None)
    first, second = stage(lake, "one", thing("a")), stage(lake, "two", thing("b"))
    lake.catalogue.publish(THINGS, "one", first)
    with pytest.raises(HeldError, match=f"Table {THINGS} was written by another program"):
        lake.catalogue.publish(THINGS, "two", second)
    assert names(lake) == ["a"]


def test_a_move_is_tried_again_where_another_commit_came_between_reading_and_writing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = stage(lake, "one", thing("a"))
    update, calls = client("glue").update_table, []

    def overtaken(**arguments: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            things(Lake.open(lake.root)).transaction().set_properties(colour="red").commit_transaction()
        return update(**arguments)

    monkeypatch.setattr(client("glue"), "update_table", overtaken)
    lake.catalogue.publish(THINGS, "one", move)
    assert len(calls) == 3
    assert names(lake) == ["a"]
    assert things(lake).properties["colour"] == "red"


def test_databases_of_another_lake_are_not_touched(lake: Lake, tmp_path: Path) -> None:
    things(lake)
    other = Lake.create(tmp_path / "other", profile(glue_database_prefix=lake.profile.glue_database_prefix))
    with pytest.raises(UsageError, match="Set another glue_database_prefix"):
        things(other)


def test_a_release_whose_table_the_catalogue_has_not_says_what_to_do(lake: Lake) -> None:
    with pytest.raises(StorageError, match="Was the catalogue, or glue_database_prefix"):
        lake.catalogue.files(THINGS, 1)


def test_a_missing_bucket_is_named_with_what_to_do() -> None:
    catalogue = Catalogue(GlueService("nowhere_", "s3://no-such-bucket/warehouse"))
    with pytest.raises(StorageError, match="Make the bucket"):
        catalogue.ensure(THINGS, SCHEMA, None)


def test_the_catalogue_may_be_a_file_of_the_one_machine_that_writes(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", {"store": f"s3://{BUCKET}/on-one-machine", "catalogue": "sqlite"})
    publish(lake, "one", thing("a"))
    assert names(lake) == ["a"]
    assert (lake.root / "catalog.db").exists()
