"""Models keep to what DuckDB and Trino understand alike: every trap is found where it is planted, and none is in the models."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.staging_models import write_staging
from lakehouse.lake import Lake
from tests.dbt.dialect_traps import RULES, traps_in

pytestmark = pytest.mark.dbt

PROJECT = Path(__file__).parents[2] / "dbt_project"
PLANTED = {
    "division": ["select a_count / b_count from t", "select (net_amount * 2) / 3 from t", "select sum(a) / count(*) from t"],
    "average": ["select avg(net_amount) from t"],
    "date difference": ["select date_diff('hour', a_at, b_at) from t", "select date_diff('day', a_at, b_at) from t"],
    "day of week": ["select dayofweek(a_date) from t", "select extract(dow from a_date) from t", "select week(a_date) from t"],
    "rounding cast": ["select cast(cast(a as double) * 2 as bigint) from t", "select cast(a / b as integer) from t"],
    "text of number or time": ["select cast(sold_at as varchar) || sku from t", "select cast(cast(a as double) as varchar) from t"],
    "greatest": ["select greatest(a, b) from t", "select least(a, b) from t"],
    "no match": ["select regexp_extract(a, 'x(.)', 1) from t", "select split_part(a, '-', 2) from t"],
    "max_by": ["select max_by(a, b) from t", "select arg_min(a, b) from t"],
    "bare decimal": ["select cast(a as decimal) from t"],
    "time zone": ["select a_at at time zone 'Europe/Berlin' from t", "select timezone('UTC', a_at) from t", "select cast(a as timestamptz) from t"],
    "text against number": ["select 1 from t where line_number = '1'", "select 1 from t where '10' < 9"],
    "reused alias": ["select lower(a) as b from t group by b", "select a + 1 as c from t where c > 2", "select coalesce(a, 'x') as a, count(*) from t group by a"],
    "::": ["select a::varchar from t"],
    "ilike": ["select 1 from t where a ilike 'x%'"],
    "distinct on": ["select distinct on (a) a, b from t"],
    "group by all": ["select a, count(*) from t group by all"],
}  # fmt: skip
HARMLESS = (
    "select cast(a_count as double) / b_count from t",
    "select avg(cast(net_amount as double)) from t",
    "select date_diff('day', min(a_date) over (partition by b), cast(c_at as date)) from t",
    "select a // b, a as b, cast(line_number as varchar) from t where a = 'x' group by a, b_date",
    "select cast(sum(net_amount) as decimal(38, 4)) as net_amount from t where t.net_amount > 0",
)


@pytest.mark.parametrize(("trap", "sql"), [(trap, sql) for trap, each in PLANTED.items() for sql in each])
def test_a_planted_trap_is_found(trap: str, sql: str) -> None:
    assert trap in traps_in(sql)


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_is_the_same_everywhere_is_let_be(sql: str) -> None:
    assert traps_in(sql) == []


def test_every_trap_is_planted() -> None:
    assert {*RULES, "::", "bare decimal"} == PLANTED.keys()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's models as dbt compiles them for DuckDB."""
    folder = tmp_path_factory.mktemp("compiled")
    lake = Lake.create(folder / "lake")
    write_staging(lake.declarations, PROJECT / "models" / "staging")
    lake.builds.mkdir()
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "compile"]
    environment = {**os.environ, "LAKE_HOME": str(lake.root), "DBT_LOG_PATH": str(folder / "logs")}
    subprocess.run(
        [*command, "--target-path", str(folder / "target")], cwd=PROJECT, env=environment, check=True
    )
    return folder / "target" / "compiled"


def test_no_trap_is_in_the_saved_queries() -> None:
    queries = list((PROJECT / "analyses").glob("*.sql"))
    assert len(queries) == 12
    assert {path.stem: found for path in queries if (found := traps_in(path.read_text("utf-8")))} == {}


def test_no_trap_is_in_the_models(compiled: Path) -> None:
    models = [path for path in compiled.rglob("*.sql") if re.search("models/(intermediate|marts)", str(path))]
    assert len(models) > 60
    assert {path.stem: found for path in models if (found := traps_in(path.read_text("utf-8")))} == {}
