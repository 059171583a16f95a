"""Build: dbt makes the marts in a private file; the parts that changed are published and join the release.

No reader is ever in the way: DuckDB locks the private file only, and marts change for readers by the release alone.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from contracts.errors import BuildError
from contracts.layout import CURATED, MARTS, PLATFORM
from contracts.staging_models import write_staging
from lakehouse.datafiles import EPOCH, PartitionedWriter, WrittenFile, partition_day, target_of
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import create_views, views
from pipeline.pause import refuse_while_paused
from pipeline.rebuilds import Rebuild, load_rules, rebuilds
from pipeline.recovery import recover
from pipeline.run import Run, new_run, publish

_BATCH_ROWS = 100_000


BI_FILE: Final = "bi.duckdb"
"""The file of views for BI tools, in the lake's folder."""


@dataclass(slots=True)
class BuildResult:
    """What a build did: marts and the days made again (None for all), rows and bytes written, the release made."""

    marts: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    rows: int = 0
    bytes_written: int = 0
    release: int | None = None


def build(lake: Lake, *, full: bool = False) -> BuildResult:
    """Bring the marts up to the newest release; where nothing they depend on changed, do nothing.

    Raises:
        BuildError: when a model or a test failed; the marts stay as they were.
        HeldError: when another run holds the lake or won the race, or the lake is paused.
    """
    lease_id = secrets.token_hex(8)
    refuse_while_paused(lake)
    with lake.lease.hold(lease_id):
        recover(lake)
        release = lake.releases.latest()
        project = project_of(lake)
        todo = rebuilds(lake, load_rules(project), release, full=full) if release else []
        if release is None or not todo:
            return BuildResult()
        with new_run(lake, "build") as run:
            return _build(run, release, project, todo, lease_id)


def project_of(lake: Lake) -> Path:
    """The dbt project that the lake's profile names, or the one that came with the program."""
    chosen = lake.profile.dbt_project
    return (lake.root / chosen).resolve() if chosen else Path(__file__).parents[1] / "dbt_project"


def _build(run: Run, release: Release, project: Path, todo: list[Rebuild], lease_id: str) -> BuildResult:
    lake = run.lake
    write_staging(lake.declarations, project / "models" / "staging")
    lake.builds.mkdir(exist_ok=True)  # where a bare `dbt build` keeps its file
    private = run.folder / "build.duckdb"
    _run_dbt(lake, project, run.folder, private, todo)
    reach("build.built")
    result = BuildResult(marts={each.rule.mart: each.days for each in todo})
    with duckdb.connect(str(private), read_only=True) as connection:
        for each in todo:
            _stage_mart(run, connection, each, result)
    result.release = publish(run, built=release.number, lease_id=lease_id).number
    if not lake.profile.is_remote:  # another program's DuckDB could not open views over S3
        write_bi_file(lake)
    return result


def _run_dbt(lake: Lake, project: Path, folder: Path, private: Path, todo: list[Rebuild]) -> None:
    partial = {each.rule.mart: list(each.days) for each in todo if each.days is not None}
    command = [
        sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "build",
        "--project-dir", str(project), "--profiles-dir", str(project),
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
        "--exclude-resource-type", "unit_test",  # those test the models, and no data
        "--indirect-selection", "cautious", "--vars", json.dumps({"rebuild": partial}),
        "--select", *(f"+{each.rule.mart}" for each in todo),
    ]  # fmt: skip
    environment = {**os.environ, "LAKE_HOME": str(lake.root), "LAKE_BUILD_FILE": str(private)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 our own program
    if done.returncode != 0:
        kept = lake.builds / "failed"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder / "logs", kept, dirs_exist_ok=True)
        raise BuildError(
            f"dbt failed; the marts stay as they were. Its log is in {kept}.\n{_failures(folder / 'target') or done.stdout[-4000:]}"
        )


def _failures(target: Path) -> str:
    path = target / "run_results.json"
    results: list[dict[str, Any]] = (
        json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else []
    )
    bad = [r for r in results if r["status"] in {"error", "fail"}]
    return "\n".join(
        f"  {r['unique_id'].split('.', 2)[-1]}: {' '.join(str(r['message']).split())}" for r in bad
    )


def _stage_mart(
    run: Run, connection: duckdb.DuckDBPyConnection, rebuild: Rebuild, result: BuildResult
) -> None:
    rule, identifier = rebuild.rule, f"{MARTS}.{rebuild.rule.mart}"
    relation = connection.sql(f'select * from {MARTS}."{rule.mart}"')
    schema = relation.limit(0).to_arrow_table().schema
    table = run.lake.catalogue.ensure(identifier, schema, rule.partition)
    writer = PartitionedWriter(target_of(table, run.run_id), rule.mart)
    for batch in relation.to_arrow_reader(_BATCH_ROWS):
        writer.write(pa.Table.from_batches([batch]))
    files = writer.close()
    old = run.lake.catalogue.files(identifier, table.metadata.current_snapshot_id)
    days = (
        None if rebuild.days is None else {(dt.date.fromisoformat(day) - EPOCH).days for day in rebuild.days}
    )
    removed = [f for f in old if days is None or partition_day(f) in days]
    run.stage(table, files, removed, _dates(files, removed))
    result.rows += sum(file.metadata.num_rows for file in files)
    result.bytes_written += sum(file.size for file in files)


def _dates(files: list[WrittenFile], removed: list[Any]) -> set[dt.date]:
    days = {file.day for file in files} | {partition_day(file) for file in removed}
    return {EPOCH + dt.timedelta(days=day) for day in days if day is not None}


def write_bi_file(lake: Lake) -> Path:
    """A small DuckDB file of views over the newest release, for BI tools; swapped whole, so that an open reader keeps its own."""
    path = lake.root / BI_FILE
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with duckdb.connect(str(fresh)) as connection:
        create_views(connection, views(lake, lake.releases.latest(), schemas=(CURATED, MARTS, PLATFORM)))
    fresh.replace(path)
    return path
