from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import FormatVersionError, UsageError
from lakehouse._s3 import Prefix, S3Store
from lakehouse.lake import Lake
from lakehouse.store import FileStore

S3 = {"store": "s3://our-bucket/a/lake", "catalogue": "glue"}


def made(tmp_path: Path, **settings: Any) -> Lake:
    return Lake.create(tmp_path / "lake", settings)


def test_a_lake_is_on_files_and_sqlite_where_nothing_is_said(tmp_path: Path) -> None:
    profile = made(tmp_path).profile
    assert (profile.engine, profile.store, profile.catalogue) == ("duckdb", "files", "sqlite")
    assert not profile.is_remote


def test_settings_are_kept_in_the_file(tmp_path: Path) -> None:
    lake = made(tmp_path, **S3, lease_seconds=5, quarantine_threshold=1.0)
    assert (lake.profile.lease_seconds, lake.profile.store) == (5, S3["store"])
    assert Lake.open(lake.root).profile == lake.profile


def test_the_parts_of_a_lake_are_where_its_store_is(tmp_path: Path) -> None:
    here, there = Lake.create(tmp_path / "here"), Lake.create(tmp_path / "there", S3)
    assert here.store == FileStore(here.root / "raw")
    assert there.store == S3Store(Prefix("our-bucket", "a/lake/raw"))
    assert there.warehouse.location == "s3://our-bucket/a/lake/warehouse"


@pytest.mark.parametrize("store", ["s3://our-bucket", "s3://our-bucket/", "s3://our.bucket/a/b_c/"])
def test_a_prefix_may_be_a_bucket_or_any_folder_of_it(tmp_path: Path, store: str) -> None:
    found = made(tmp_path, store=store).store.location
    assert found == f"{store.rstrip('/')}/raw"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"catalogue": "glue"}, 'Set store = "s3://bucket/prefix"'),
        ({"store": "s3:/our-bucket"}, 'neither "files" nor "s3://bucket/prefix"'),
        ({"store": "s3://Our_Bucket"}, 'neither "files" nor "s3://bucket/prefix"'),
        ({"store": "s3://our-bucket/it's"}, 'neither "files" nor "s3://bucket/prefix"'),
        ({"store": "gs://our-bucket"}, 'neither "files" nor "s3://bucket/prefix"'),
        ({"catalogue": "hive"}, "has a setting that cannot be so"),
        ({**S3, "glue_database_prefix": "Lake-"}, "has a setting that cannot be so"),
        ({"engine": "sail"}, "has a setting that cannot be so"),
        ({"secret_key": "x"}, "has a setting that does not exist"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_and_no_lake_is_made(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        made(tmp_path, **settings)
    assert not (tmp_path / "lake" / "lake.toml").exists()


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
@pytest.mark.parametrize(
    "place", [{}, S3, {**S3, "catalogue": "sqlite"}], ids=["files", "s3 glue", "s3 sqlite"]
)
def test_engine_store_and_catalogue_are_choices_of_their_own(
    tmp_path: Path, engine: str, place: dict[str, str]
) -> None:
    profile = made(tmp_path, engine=engine, **place).profile
    assert (profile.engine, profile.is_remote) == (engine, bool(place))


def test_a_lake_that_is_there_is_left_as_it_is_and_never_moved(tmp_path: Path) -> None:
    lake = made(tmp_path, **S3)
    before = (lake.root / "lake.toml").read_bytes()
    assert made(tmp_path, **S3).profile == lake.profile
    with pytest.raises(UsageError, match="is a lake already, with another store"):
        made(tmp_path, store="s3://our-bucket/elsewhere")
    assert (lake.root / "lake.toml").read_bytes() == before


def test_a_lake_of_a_newer_program_is_not_opened(tmp_path: Path) -> None:
    lake = made(tmp_path)
    (lake.root / "lake.toml").write_text("format_version = 99", encoding="utf-8")
    with pytest.raises(FormatVersionError, match="Upgrade"):
        Lake.open(lake.root)
