"""Contracts of four event types and a dbt project of one mart, so that a build takes seconds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from commands import REPOSITORY
from shop_raw import TYPES

from contracts.declarations import BUILT_IN, load_declarations
from lakehouse.lake import Lake

OURS: Final = REPOSITORY / "dbt_project"
MART: Final = "fct_orders"
SQL: Final = """\
with orders as (select occurred_date as ordered_date, order_id, total_amount from {{ ref('stg_orders__order_placed') }})
select * from orders {{ rebuilt_days('ordered_date') }}
"""
YML: Final = """\
models:
  - name: fct_orders
    config: {meta: {rebuild: {by: day, partition: ordered_date, sources: [order_placed]}}}
"""


def make_contracts(folder: Path) -> Path:
    """Copy the contracts of the small shop's event types into a new folder."""
    shutil.copytree(BUILT_IN, folder, ignore=shutil.ignore_patterns("*.py", "py.typed", "__pycache__"))
    for event_type in (folder / "events").iterdir():
        if event_type.name not in TYPES:
            shutil.rmtree(event_type)
    shutil.rmtree(folder / "sources")  # they make events of the types that are gone
    for table in load_declarations().derived:
        (folder / "tables" / f"{table}.yaml").unlink()
    return folder


def make_project(folder: Path) -> Path:
    """Write the project into a new folder."""
    shutil.copytree(OURS / "macros", folder / "macros")
    shutil.copytree(OURS / "tests" / "generic", folder / "tests" / "generic")
    shutil.copy(OURS / "dbt_project.yml", folder)
    profiles = (OURS / "profiles.yml").read_text(encoding="utf-8")
    texts = {
        "profiles.yml": profiles.replace('module_paths: [".."]', f'module_paths: ["{REPOSITORY}"]'),
        f"models/marts/{MART}.sql": SQL,
        f"models/marts/{MART}.yml": YML,
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "models" / "staging").mkdir()
    return folder


def small_lake(folder: Path) -> Lake:
    """A lake with these contracts and this project beside it, and a lease of a second."""
    contracts, project = make_contracts(folder / "contracts"), make_project(folder / "project")
    lake = Lake.create(folder / "lake")
    profile = f'contracts = "{contracts}"\ndbt_project = "{project}"\nlease_seconds = 1\n'
    (lake.root / "lake.toml").write_text(profile, encoding="utf-8")
    return Lake.open(lake.root)
