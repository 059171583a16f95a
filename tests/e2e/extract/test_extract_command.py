"""What the command says, takes and refuses; the database's address is in no option and in no message."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from commands import DISK_FAILED, DONE, LAKE, REPOSITORY, WRONG_USE, answer, environment, lake_command
from postgres_server import Database

from contracts.errors import LakeError
from ingestion.event_log import EventLog
from ingestion.extract import extract
from lakehouse.lake import Lake

SECRET = "s3cret-w0rd"
COLUMNS = ("table", "rows", "published", "ignored", "unmatched")


@pytest.fixture
def url(tmp_path: Path, shop: Database) -> Path:
    (tmp_path / "url").write_text(shop.address + "\n")
    return tmp_path / "url"


def words(lake: Lake, *more: str | Path) -> list[str | Path]:
    return ["extract", "commerce_db", "--lake", lake.root, *more]


def test_a_dry_run_counts_and_changes_nothing(lake: Lake, shop: Database, url: Path) -> None:
    dry = answer(*words(lake, "--url-file", url, "--dry-run"))
    assert not lake.log_path.exists()
    assert answer(*words(lake, "--url-file", url)) == dry
    with EventLog(lake.log_path) as log:
        assert len(log) == sum(each["published"] for each in dry) == 8
        mark = log.watermark("commerce_db", "shop.products")
        shop.run("update shop.products set updated_at = '2025-11-05Z'")
        answer(*words(lake, "--url-file", url, "--dry-run"))
        assert (len(log), log.watermark("commerce_db", "shop.products")) == (8, mark)


def test_what_was_read_is_shown_by_table(lake: Lake, url: Path) -> None:
    done = lake_command(*words(lake, "--url-file", url))
    assert done.returncode == DONE, done.stderr
    head = next(line for line in done.stdout.splitlines() if "watermark_before" in line)
    names = [word.strip() for word in head.split("┃")[1:-1]]
    assert names == [*COLUMNS, "watermark_before", "watermark_after"]
    assert "2025-11-02 09:00:00+00" in done.stdout
    assert "Next: lake run" in done.stderr


def test_rows_without_watermark_and_tables_that_went_back_are_told(
    lake: Lake, shop: Database, url: Path
) -> None:
    shop.run("alter table shop.products alter updated_at drop not null")
    answer(*words(lake, "--url-file", url))
    shop.run(
        "update shop.products set updated_at = null where sku = 'TEA-GREEN'; delete from shop.customers where id = 501"
    )
    shop.run("update shop.customers set updated_at = '2020-01-01Z'")
    done = lake_command(*words(lake, "--url-file", url))
    assert done.returncode == DONE, done.stderr
    assert "shop.products has rows without a watermark, 1 in all" in done.stderr
    assert "shop.customers holds nothing newer than 2020-01-01 00:00:00+00" in done.stderr
    assert "lake extract commerce_db --again shop.customers" in done.stderr
    (again,) = (each for each in answer(*words(lake, "--url-file", url, "--again", "shop.customers")) if each["table"] == "shop.customers")  # fmt: skip
    assert (again["rows"], again["watermark_before"]) == (1, None)


def test_the_address_may_come_by_stdin(lake: Lake, shop: Database) -> None:
    command = [*LAKE, *map(str, words(lake, "--json"))]
    done = subprocess.run(
        command, input=shop.address + "\n", env=environment(), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == DONE, done.stderr
    assert sum(each["rows"] for each in json.loads(done.stdout)) == 8


@pytest.mark.parametrize("role", ["reader", "nobody_of_that_name", SECRET])
def test_a_wrong_password_is_told_and_never_shown(lake: Lake, shop: Database, url: Path, role: str) -> None:
    url.write_text(shop.server.address(shop.name, role, SECRET))
    done = lake_command(*words(lake, "--url-file", url), LAKE_DEBUG="1")
    assert (done.returncode, "lets nobody in by this address" in done.stderr) == (WRONG_USE, True), (
        done.stderr
    )
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("address", "code", "told"),
    [
        (f"postgresql://reader:{SECRET}@127.0.0.1:1/shop", DISK_FAILED, "out of reach"),
        (f"postgresql://reader:{SECRET}@/shop?host=/nowhere", DISK_FAILED, "out of reach"),
        (f"postgresql://reader:{SECRET}@127.0.0.1:port/shop", WRONG_USE, "no address of a PostgreSQL"),
        (f"postgresql://reader@127.0.0.1/shop?no_such={SECRET}", WRONG_USE, "lets nobody in"),
        (f"postgresql://reader@127.0.0.1:1/shop?password={SECRET}", DISK_FAILED, "out of reach"),
        (f"mysql://reader:{SECRET}@127.0.0.1/shop", WRONG_USE, "no address of a PostgreSQL"),
        (SECRET, WRONG_USE, "no address of a PostgreSQL"),
        ("", WRONG_USE, "no address of a PostgreSQL"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_and_never_shown(
    lake: Lake, log: EventLog, address: str, code: int, told: str
) -> None:
    with pytest.raises(LakeError, match=told) as error:
        extract(lake.declarations.source("commerce_db"), address, log)
    assert error.value.exit_code == code
    assert SECRET not in str(error.value)


def test_a_database_that_is_not_there_is_told(lake: Lake, log: EventLog, shop: Database) -> None:
    with pytest.raises(LakeError, match="does not exist") as error:
        extract(lake.declarations.source("commerce_db"), shop.server.address("unmade"), log)
    assert error.value.exit_code == WRONG_USE


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("extract", "stripe", "--url-file", "url"), "stripe declares no tables"),
        (("extract", "commerce_db", "--url-file", "none"), "none cannot be read (No such file"),
        (("extract", "commerce_db", "--url-file", "url", "--again", "shop.product"), "did you mean shop.products"),
        (("extract", "commerc_db", "--url-file", "url"), "did you mean commerce_db"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(lake: Lake, tmp_path: Path, more: tuple[str, ...], told: str) -> None:
    (tmp_path / "url").write_text(f"postgresql://reader:{SECRET}@127.0.0.1:1/shop")
    done = lake_command(*more, "--lake", lake.root, cwd=tmp_path)
    assert (done.returncode, told in done.stderr) == (WRONG_USE, True), done.stderr
