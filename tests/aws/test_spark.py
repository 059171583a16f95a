"""Spark's executors read raw from S3, pass rows through S3 and write tables there; the driver commits to Glue."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import profile
from holdings import accounts, assert_conserved, branches, derived, holdings
from shop_raw import DAY, HOUR, MONDAY, put, sent

from contracts.errors import UsageError
from lakehouse._s3 import Prefix
from lakehouse._spark import check_java
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive


@pytest.fixture(scope="module", autouse=True)
def java() -> None:
    """As in the Spark lane: with CI=true a machine without Java fails."""
    try:
        check_java()
    except UsageError as e:
        if os.environ.get("CI") == "true":
            pytest.fail(str(e))
        pytest.skip(str(e))


def walk(lake: Lake) -> None:
    views = [sent("page_viewed", f"p-{n}", visitor_id=f"v-{n % 3}") for n in range(6)]
    put(lake, "a", *views, sent("stock_adjusted", "s-1"), b"no JSON")
    put(
        lake,
        "b",
        views[0],
        sent("page_viewed", "p-1", page_url="https://shop.example/other"),
        at=MONDAY + HOUR,
    )
    put(lake, "c", sent("order_placed", "o-1", at=MONDAY + DAY), at=MONDAY + DAY)
    curate(lake)
    derive(lake)


def test_spark_on_s3_and_glue_makes_what_one_machine_makes(tmp_path: Path) -> None:
    files = Lake.create(tmp_path / "files", {"quarantine_threshold": 1.0})
    remote = Lake.create(tmp_path / "remote", profile(engine="spark", partitions=2))
    for lake in (files, remote):
        walk(lake)
    assert (holdings(remote), derived(remote), accounts(remote)) == (
        holdings(files),
        derived(files),
        accounts(files),
    )
    assert_conserved(remote)
    assert branches(remote) == set()
    assert list(Prefix.of(f"{remote.profile.store}/scratch").listed()) == []
