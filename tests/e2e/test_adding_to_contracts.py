from __future__ import annotations

import filecmp
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, lake_command
from holdings import holdings
from records import event, put_raw

from contracts.declarations import BUILT_IN, load_declarations
from contracts.reference import event_page
from contracts.samples import record, samples
from contracts.staging_models import staging_files
from lakehouse.lake import Lake
from pipeline.curate import curate

PAGE_VIEWED = "events/page_viewed/v1.yaml"
NEW_FIELD = """\
    experiment_bucket:
      type: [integer, "null"]
      minimum: 0
      description: "Bucket of the running experiment."
"""
GIFT_WRAPPED = """\
domain: orders
owner: order-management
description: Sent when an order was wrapped as a gift.
grain: one row per order wrapped
entity: order_id
data:
  type: object
  required: [order_id, wrapping_amount]
  properties:
    order_id: {type: string, minLength: 1, maxLength: 64, description: "Order wrapped."}
    wrapping_amount: {type: string, format: unsigned-money, description: "What the wrapping cost."}
    ribbons:
      type: [array, "null"]
      description: "Ribbons used."
      items:
        type: object
        required: [colour]
        properties:
          colour: {type: string, description: "Colour of the ribbon."}
"""


def copied(folder: Path) -> Path:
    """A copy of the contracts, to be changed."""
    keep_yaml = shutil.ignore_patterns("*.py", "py.typed", "__pycache__")
    return Path(shutil.copytree(BUILT_IN, folder, ignore=keep_yaml))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("before") / "contracts")


@pytest.fixture(scope="module")
def with_field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("with-field") / "contracts")
    with (folder / PAGE_VIEWED).open("a", encoding="utf-8") as file:
        file.write(NEW_FIELD)
    return folder


@pytest.fixture(scope="module")
def with_event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("with-event") / "contracts")
    (folder / "events/gift_wrapped").mkdir()
    (folder / "events/gift_wrapped/v1.yaml").write_text(GIFT_WRAPPED, encoding="utf-8")
    return folder


def differing(one: Path, other: Path) -> list[str]:
    """Files that are not the same in two folders."""
    names = {p.relative_to(root).as_posix() for root in (one, other) for p in root.rglob("*.yaml")}
    _, changed, lacking = filecmp.cmpfiles(one, other, sorted(names), shallow=False)
    return sorted([*changed, *lacking])


def under(lake: Lake, contracts: Path) -> Lake:
    """The lake under these contracts."""
    (lake.root / "lake.toml").write_text(f'contracts = "{contracts}"\n', encoding="utf-8")
    return Lake.open(lake.root)


def rows_of(lake: Lake, event_type: str) -> dict[str, dict[str, Any]]:
    rows = [json.loads(row) for row in holdings(lake)[f"curated.{event_type}"]]
    return {row["event_id"]: row for row in rows}


def test_a_field_is_added_in_one_file(before: Path, with_field: Path) -> None:
    assert differing(before, with_field) == [PAGE_VIEWED]


def test_an_added_field_reaches_the_curated_table_and_older_rows_lack_it(
    lake: Lake, before: Path, with_field: Path
) -> None:
    lake = under(lake, before)
    put_raw(lake, "old", event("page_viewed", "old"), event("page_viewed", "ahead", experiment_bucket=1))
    curate(lake)
    assert "experiment_bucket" not in rows_of(lake, "page_viewed")["old"]

    lake = under(lake, with_field)
    put_raw(lake, "new", event("page_viewed", "new", experiment_bucket=3), event("page_viewed", "without"))
    put_raw(lake, "bad", event("page_viewed", "bad", experiment_bucket=-1))
    curate(lake)
    found = rows_of(lake, "page_viewed")
    buckets = {event_id: row["experiment_bucket"] for event_id, row in found.items()}
    assert buckets == {"old": None, "ahead": None, "new": 3, "without": None}
    assert json.loads(found["ahead"]["extras"]) == {"/detail/experiment_bucket": 1}
    (rejected,) = holdings(lake)["platform.quarantine"]
    assert json.loads(rejected)["error_type"] == "out_of_range"


def test_old_rows_have_the_added_field_before_any_new_run(lake: Lake, before: Path, with_field: Path) -> None:
    lake = under(lake, before)
    put_raw(lake, "old", event("page_viewed", "old"))
    curate(lake)
    assert rows_of(under(lake, with_field), "page_viewed")["old"]["experiment_bucket"] is None


def test_an_added_field_reaches_everything_that_is_derived(with_field: Path) -> None:
    declarations = load_declarations(with_field)
    added = declarations.event("page_viewed")
    assert record(declarations, added.latest)["detail"]["experiment_bucket"] == 0
    broken = {s.name: s.error_type for s in samples(declarations, added.latest)}
    assert broken["experiment_bucket: too small"] == "out_of_range"
    assert "| `experiment_bucket` | integer |" in event_page(declarations, added)
    staging = staging_files(declarations)
    assert "    experiment_bucket,\n" in staging["web/stg_web__page_viewed.sql"]
    assert "{name: experiment_bucket, description:" in staging["web/stg_web__page_viewed.yml"]


def test_staging_of_other_events_is_not_touched_by_an_added_field(before: Path, with_field: Path) -> None:
    old, new = staging_files(load_declarations(before)), staging_files(load_declarations(with_field))
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    assert changed == {"web/stg_web__page_viewed.sql", "web/stg_web__page_viewed.yml"}


def test_an_event_type_is_added_by_one_file(before: Path, with_event: Path) -> None:
    assert differing(before, with_event) == ["events/gift_wrapped/v1.yaml"]


def test_an_added_event_type_flows_to_curated(lake: Lake, before: Path, with_event: Path) -> None:
    declarations = load_declarations(with_event)
    wrapped = record(declarations, declarations.event("gift_wrapped").latest)
    lake = under(lake, before)
    put_raw(lake, "early", wrapped)
    curate(lake)
    (rejected,) = holdings(lake)["platform.quarantine"]
    assert json.loads(rejected)["error_type"] == "unknown_event_type"

    lake = under(lake, with_event)
    wrapped["detail"]["metadata"]["event_id"] = "in-time"
    put_raw(lake, "in-time", wrapped, event("page_viewed", "p-1"))
    curate(lake)
    row = rows_of(lake, "gift_wrapped")["in-time"]
    assert (row["order_id"], row["wrapping_amount"], row["ribbons"]) == (
        "order_id-1",
        12.5,
        [{"colour": "colour-1"}],
    )


def test_an_added_event_type_reaches_everything_that_is_derived(with_event: Path) -> None:
    declarations = load_declarations(with_event)
    assert event_page(declarations, declarations.event("gift_wrapped")).startswith("# gift_wrapped\n")
    staging = staging_files(declarations)
    assert "orders/stg_orders__gift_wrapped.sql" in staging
    assert "orders/stg_orders__gift_wrapped__ribbons.sql" in staging
    assert "- {name: gift_wrapped," in staging["_sources.yml"]


def test_the_command_checks_and_shows_what_was_added(with_field: Path, with_event: Path) -> None:
    assert lake_command("contracts", "check").returncode == DONE
    for folder, event_type, words in (
        (with_field, "page_viewed", "experiment_bucket"),
        (with_event, "gift_wrapped", "wrapping_amount"),
    ):
        checked = lake_command("contracts", "check", "--contracts", folder)
        assert checked.returncode == DONE, checked.stderr
        assert "samples got the verdict they should" in checked.stderr
        assert words in lake_command("contracts", "show", event_type, "--contracts", folder).stdout
