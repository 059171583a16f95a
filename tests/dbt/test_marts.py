from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest

from contracts.layout import MARTS
from lakehouse.lake import Lake
from lakehouse.sql import connect, query, release_of
from pipeline.build import BuildResult, build
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.rebuilds import load_rules
from simulator import SimulatedObject, simulate

pytestmark = pytest.mark.dbt

PROJECT = Path(__file__).parents[2] / "dbt_project"
START = dt.date(2026, 9, 1)
DAYS = 64
LAST_DAY = f"ingest_date={START + dt.timedelta(days=DAYS - 1)}"
RULES = {rule.mart: rule for rule in load_rules(PROJECT)}


def put(lake: Lake, objects: list[SimulatedObject]) -> None:
    for each in objects:
        lake.store.write(each.raw_object, each.data)


def rows_of_marts(
    lake: Lake, marts: Iterable[str], release: int | None = None
) -> dict[str, dict[str, list[str]]]:
    """Rows of marts as text, by mart and partition."""
    with connect(lake, release_of(lake, release), schemas=(MARTS,)) as connection:
        return {mart: _rows(connection, mart) for mart in marts}


def _rows(connection: duckdb.DuckDBPyConnection, mart: str) -> dict[str, list[str]]:
    partition = RULES[mart].partition
    day = f"cast({partition} as varchar)" if partition else "'all'"
    sql = f"select {day} as day, cast(m as varchar) as row from marts.{mart} as m order by 1, 2"
    found: dict[str, list[str]] = {}
    for row in query(connection, sql).to_pylist():
        found.setdefault(row["day"], []).append(row["row"])
    return found


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, BuildResult, BuildResult]:
    """A lake of 64 days, the last of which arrived after the first build."""
    lake = Lake.create(tmp_path_factory.mktemp("marts") / "lake")
    objects = list(simulate(lake.declarations, events=9_000, days=DAYS, seed=11, start=START, faults=True))
    put(lake, [each for each in objects if LAST_DAY not in each.raw_object])
    curate(lake)
    derive(lake)
    first = build(lake)
    put(lake, [each for each in objects if LAST_DAY in each.raw_object])
    curate(lake)
    derive(lake)
    return lake, first, build(lake)


def test_the_first_build_makes_every_mart_in_whole(simulated: tuple[Lake, BuildResult, BuildResult]) -> None:
    _, first, _ = simulated
    assert first.marts == dict.fromkeys(RULES, None)


def test_a_build_of_one_day_leaves_other_days_alone(simulated: tuple[Lake, BuildResult, BuildResult]) -> None:
    _, _, second = simulated
    last = LAST_DAY.removeprefix("ingest_date=")
    assert second.marts["mart_daily_sales"] is not None
    assert last in second.marts["mart_daily_sales"]
    assert len(second.marts["mart_daily_sales"]) < DAYS / 2
    assert second.marts["mart_conversion_funnel"] is not None


def test_a_build_of_one_day_writes_at_most_one_and_a_half_times_the_partitions_that_changed(
    simulated: tuple[Lake, BuildResult, BuildResult],
) -> None:
    lake, first, second = simulated
    were, are = (rows_of_marts(lake, second.marts, each.release) for each in (first, second))
    changed = 0
    for mart in second.marts:
        before, after = were[mart], are[mart]
        days = {day for day in before.keys() | after.keys() if before.get(day) != after.get(day)}
        changed += sum(len(after.get(day, [])) for day in days)
    assert changed > 0
    assert second.rows <= 1.5 * changed


def test_marts_made_in_parts_equal_marts_made_in_whole(
    simulated: tuple[Lake, BuildResult, BuildResult],
) -> None:
    lake, _, second = simulated
    whole = build(lake, full=True)
    in_whole, in_parts = (rows_of_marts(lake, RULES, each.release) for each in (whole, second))
    for mart in RULES:
        assert in_whole[mart] == in_parts[mart], mart


def test_a_build_with_nothing_new_does_nothing(simulated: tuple[Lake, BuildResult, BuildResult]) -> None:
    lake, _, _ = simulated
    before = lake.releases.latest()
    assert build(lake).release is None
    assert lake.releases.latest() == before


def test_every_saved_query_has_an_answer(simulated: tuple[Lake, BuildResult, BuildResult]) -> None:
    lake, _, _ = simulated
    with connect(lake, release_of(lake), schemas=(MARTS,)) as connection:
        answers = {
            path.stem: query(connection, path.read_text("utf-8")).num_rows
            for path in sorted((PROJECT / "analyses").glob("*.sql"))
        }
    without = [name for name, count in answers.items() if count == 0]
    assert without == ["searches_without_result"]  # the simulated shop finds something for everybody


def test_no_mart_holds_money_in_floats(simulated: tuple[Lake, BuildResult, BuildResult]) -> None:
    lake, _, _ = simulated
    with connect(lake, release_of(lake)) as connection:
        columns = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'marts' and column_name like '%amount'"
        ).fetchall()
    assert columns
    assert [c for c in columns if not c[2].startswith("DECIMAL") or not c[2].endswith(",4)")] == []


def test_bi_tools_read_a_file_of_views_while_builds_go_on(
    simulated: tuple[Lake, BuildResult, BuildResult],
) -> None:
    lake, _, _ = simulated
    with duckdb.connect(str(lake.root / "bi.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) > 0 from marts.fct_sales").fetchall() == [(True,)]


def test_dbt_build_works_by_itself_after_an_ordinary_run(
    simulated: tuple[Lake, BuildResult, BuildResult],
) -> None:
    lake, _, _ = simulated
    command = [
        sys.executable,
        "-c",
        "from dbt.cli.main import cli; cli()",
        "build",
        "--target-path",
        str(lake.root / "target"),
    ]
    environment = {**os.environ, "LAKE_HOME": str(lake.root), "DBT_LOG_PATH": str(lake.root / "logs")}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "ERROR=0" in done.stdout
