"""Extracts from a PostgreSQL that the tests start: what is new comes, whatever happens in between, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import DISK_FAILED, DONE, killed_at, lake_command, stopped_at
from extracting import documents
from holdings import LEFT_OUT, ask, assert_conserved, holdings
from postgres_server import Database, Server, new_database

from contracts.declarations import load_declarations
from contracts.errors import UsageError
from ingestion.event_log import EventLog
from ingestion.extract import Extracted, extract
from ingestion.lander import land
from ingestion.postgres import ROWS_AT_ONCE
from ingestion.publisher import utc_now
from lakehouse.lake import Lake
from pipeline.curate import curate

SAMPLE = Path(__file__).parents[1] / "sources" / "commerce_db"
NEWEST = "2025-11-02 09:00:00+00"
"""The greatest watermark of the sample's products."""
PRODUCTS = 3502
"""With those of MANY."""
MANY = """insert into shop.products (sku, product_id, name, status, updated_at)
    select 'S-' || n, 'P', 'Product', 'live', timestamptz '2025-01-01' + (n / 700) * interval '1 day' from generate_series(3500, 1, -1) n"""


@pytest.fixture(scope="module")
def many(server: Server) -> Database:
    """The sample's database with so many products that they come in four batches."""
    database = new_database(server, "many")
    database.run((SAMPLE / "database.sql").read_text("utf-8"))
    database.run(MANY)
    return database


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, many: Database) -> dict[str, list[str]]:
    """What a lake holds into which they were extracted in peace."""
    lake = Lake.create(tmp_path_factory.mktemp("quiet") / "lake")
    extracted(lake, many)
    return curated(lake)


def keep_address(lake: Lake, database: Database) -> None:
    (lake.root.parent / "url").write_text(database.address)


def words(lake: Lake, *more: str) -> list[str]:
    url = str(lake.root.parent / "url")
    return ["extract", "commerce_db", "--lake", str(lake.root), "--url-file", url, *more]


def extracted(lake: Lake, database: Database, **more: Any) -> dict[str, Extracted]:
    """What a run says of each table."""
    with EventLog(lake.log_path) as log:
        found = extract(lake.declarations.source("commerce_db"), database.address, log, **more)
    return {each.table: each for each in found}


def curated(lake: Lake) -> dict[str, list[str]]:
    """What is in the lake once all that waits is landed and curated; each record accounted for."""
    with EventLog(lake.log_path) as log:
        land(log, lake.store, now=utc_now())
    curate(lake)
    assert_conserved(lake)
    return holdings(lake, without=LEFT_OUT | {"ingested_at"})


def test_the_first_extract_sends_every_row_as_the_sample_has_it(shop: Database) -> None:
    sent = [json.loads(line) for line in (SAMPLE / "sent.ndjson").read_text("utf-8").splitlines()]
    with EventLog(shop.server.folder / f"{shop.name}.db") as log:
        found = extract(load_declarations().source("commerce_db"), shop.address, log)
        assert documents(log) == sent
    assert sum(each.published for each in found) == len(sent)


def test_a_second_extract_adds_nothing(lake: Lake, shop: Database) -> None:
    first = extracted(lake, shop)
    assert (first["shop.products"].watermark_before, first["shop.products"].watermark_after) == (None, NEWEST)
    held = curated(lake)
    second = extracted(lake, shop)
    assert [each.watermark_before for each in second.values()] == [
        each.watermark_after for each in first.values()
    ]
    assert curated(lake) == held
    assert {"curated.product_updated", "curated.order_placed"} <= set(held)


def test_a_row_that_is_changed_or_made_comes_and_no_other(lake: Lake, shop: Database) -> None:
    extracted(lake, shop)
    shop.run(
        f"update shop.products set name = 'Mug', updated_at = '{NEWEST}'::timestamptz + '1 hour' where sku = 'MUG-BLUE'"
    )
    shop.run(
        "insert into shop.products (sku, product_id, name, status, updated_at) values ('NEW', 'N', 'New', 'new', '2025-11-03Z')"
    )
    assert extracted(lake, shop)["shop.products"].rows == 3  # TEA-GREEN stands at the watermark
    curated(lake)
    names = ask(lake, "select sku, name from curated.product_updated order by occurred_at")
    assert [(each["sku"], each["name"]) for each in names] == [
        ("MUG-BLUE", "Mug, blue"), ("TEA-GREEN", "Tee, grün"), ("MUG-BLUE", "Mug"), ("NEW", "New"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("behind", "comes"), [("9 minutes", True), ("10 minutes", True), ("11 minutes", False)]
)
def test_a_row_that_commits_late_comes_within_the_overlap(
    lake: Lake, shop: Database, behind: str, *, comes: bool
) -> None:
    change = f"update shop.products set name = 'Late', updated_at = '{NEWEST}'::timestamptz - interval '{behind}' where sku = 'MUG-BLUE'"
    with shop.connect() as late:
        late.execute("begin")
        late.execute(change)
        assert extracted(lake, shop)["shop.products"].watermark_after == NEWEST
        late.execute("commit")
    extracted(lake, shop)
    curated(lake)
    names = {each["name"] for each in ask(lake, "select name from curated.product_updated")}
    assert ("Late" in names) == comes


def test_a_row_with_the_very_watermark_comes_though_it_was_read_up_to_there(
    lake: Lake, shop: Database
) -> None:
    extracted(lake, shop)
    shop.run(
        f"insert into shop.products (sku, product_id, name, status, updated_at) values ('TIE', 'T', 'T', 'new', '{NEWEST}')"
    )
    extracted(lake, shop)
    curated(lake)
    assert ask(lake, "select count(*) as n from curated.product_updated where sku = 'TIE'") == [{"n": 1}]


@pytest.mark.parametrize(
    "point", ["extract.appended:1", "extract.appended:3", "extract.kept:1", "extract.kept:3"]
)
def test_a_killed_extract_loses_nothing_and_doubles_nothing(
    lake: Lake, tmp_path: Path, many: Database, undisturbed: dict[str, list[str]], point: str
) -> None:
    keep_address(lake, many)
    killed_at(point, *words(lake), log=tmp_path / "reached")
    kept = int(point[-1]) - ("appended" in point)
    with EventLog(lake.log_path) as log:
        assert len(log) == kept * ROWS_AT_ONCE
        assert (log.watermark("commerce_db", "shop.products") is not None) == (kept > 0)
    assert (extracted(lake, many)["shop.products"].rows < PRODUCTS) == (kept > 0)
    assert curated(lake) == undisturbed


def test_a_database_that_fails_in_the_middle_is_told_and_the_next_run_goes_on(
    lake: Lake, server: Server, many: Database, undisturbed: dict[str, list[str]]
) -> None:
    keep_address(lake, many)
    with stopped_at("extract.kept", *words(lake)) as process:
        server.stop()
        done = process.go_on()
        out_of_reach = lake_command(*words(lake))
        server.start()
    assert done.returncode == DISK_FAILED, done.stderr
    assert "lost while shop.products was read" in done.stderr
    assert (out_of_reach.returncode, "out of reach" in out_of_reach.stderr) == (DISK_FAILED, True)
    with EventLog(lake.log_path) as log:
        assert len(log) == ROWS_AT_ONCE
    assert ROWS_AT_ONCE < extracted(lake, many)["shop.products"].rows < PRODUCTS
    assert curated(lake) == undisturbed


def test_all_tables_are_read_as_of_one_moment(lake: Lake, shop: Database) -> None:
    keep_address(lake, shop)
    with stopped_at("extract.kept", *words(lake)) as process:
        shop.run(
            "update shop.customers set last_name = 'Changed', updated_at = updated_at + interval '1 day'"
        )
        assert process.go_on().returncode == DONE
    assert extracted(lake, shop)["shop.customers"].rows == 2
    curated(lake)
    names = ask(
        lake,
        "select value, count(*) as n from platform.personal_values "
        "where event_type = 'customer_updated' and field = 'last_name' group by 1 order by 1",
    )
    assert [(each["value"], each["n"]) for each in names] == [("Changed", 2), ("Koch", 1), ("Lind", 1)]


@pytest.mark.parametrize("never", ["infinity", "9999-12-31"])
def test_a_watermark_in_the_future_hides_no_later_change(lake: Lake, shop: Database, never: str) -> None:
    shop.run(f"update shop.products set updated_at = '{never}' where sku = 'TEA-GREEN'")
    extracted(lake, shop)
    shop.run("update shop.products set updated_at = now(), name = 'Mug' where sku = 'MUG-BLUE'")
    extracted(lake, shop)
    curated(lake)
    assert ask(lake, "select count(*) as n from curated.product_updated where name = 'Mug'") == [{"n": 1}]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("drop table shop.orders", r"commerce_db\.yaml:\d+: shop.orders cannot be read .*does not exist"),
        ("revoke select on shop.orders from reader", "shop.orders cannot be read .*permission denied.*granted SELECT"),
        ("alter table shop.orders rename column placed_at to made_at", "shop.orders .*placed_at does not exist"),
        ("alter table shop.orders alter placed_at type text", "placed_at of shop.orders is text, which is no watermark"),
        ("alter table shop.orders alter placed_at type bigint using 1", "is bigint, so 'overlap' is a number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_declaration_is_told_before_anything_is_read(
    lake: Lake, shop: Database, change: str, told: str
) -> None:
    with shop.connect() as connection:
        connection.execute(change)
    with pytest.raises(UsageError, match=told):
        extracted(lake, shop)
    with EventLog(lake.log_path) as log:
        assert len(log) == 0


def test_a_watermark_of_another_type_is_told_and_the_table_read_again(lake: Lake, shop: Database) -> None:
    extracted(lake, shop)
    shop.run("alter table shop.products alter updated_at type timestamp using updated_at at time zone 'UTC'")
    with pytest.raises(UsageError, match=r"is timestamp now and was timestamptz.*--again shop\.products"):
        extracted(lake, shop)
    assert extracted(lake, shop, again=["shop.products"])["shop.products"].rows == 2
    assert extracted(lake, shop)["shop.products"].rows == 1


def test_a_table_that_was_restored_is_told_and_read_again(lake: Lake, shop: Database) -> None:
    extracted(lake, shop)
    shop.run("update shop.products set name = 'Restored', updated_at = updated_at - interval '2 years'")
    older = "2023-11-02 09:00:00+00"
    found = extracted(lake, shop)["shop.products"]
    assert (found.rows, found.watermark_after, found.gone_back_to) == (0, NEWEST, older)
    again = extracted(lake, shop, again=["shop.products"])["shop.products"]
    assert (again.rows, again.watermark_before, again.watermark_after) == (2, None, older)


def test_a_table_that_is_empty_is_no_fault(lake: Lake, shop: Database) -> None:
    extracted(lake, shop)
    shop.run("delete from shop.products")
    found = extracted(lake, shop)["shop.products"]
    assert (found.rows, found.watermark_after, found.gone_back_to) == (0, NEWEST, None)
