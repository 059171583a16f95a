"""Glue's shells, run as local processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment
from holdings import assert_conserved, derived, holdings
from ruled import other_contracts, ruled_by, with_rule
from test_killed_drivers import filled

from contracts.errors import UsageError
from glue_jobs._arguments import lake_of
from glue_jobs.modules import modules
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive

JOB = ("glue_jobs/curate.py", "--JOB_NAME", "curate")


def job(*arguments: str | Path, name: str = "curate") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"glue_jobs.{name}", *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


def test_the_job_makes_what_the_command_makes(tmp_path: Path) -> None:
    wanted = filled(tmp_path / "wanted", "duckdb")
    curate(wanted)
    derive(wanted)
    lake = filled(tmp_path / "lake", "spark")
    for _ in range(2):  # a retry of a job that was done finds nothing to do
        done = job("--JOB_NAME", "curate", "--lake_store", lake.root, "--engine", "spark")
        assert done.returncode == 0, done.stderr
    assert "'missing': 0" in done.stderr or "Curated: {}" in done.stderr
    lake = Lake.open(lake.root)
    assert_conserved(lake)
    assert (holdings(lake), derived(lake)) == (holdings(wanted), derived(wanted))


def test_the_job_with_a_window_judges_anew_what_other_rules_had_judged(tmp_path: Path) -> None:
    wanted = filled(tmp_path / "wanted", "duckdb")
    curate(wanted)
    derive(wanted)
    rules = other_contracts(tmp_path / "rules")
    with_rule(rules, "page_viewed", "page_type", enum=["cart"])
    lake = filled(tmp_path / "lake", "spark")
    profile = (lake.root / "lake.toml").read_text(encoding="utf-8")
    strict = ruled_by(lake, rules)
    curate(strict)
    derive(strict)
    (lake.root / "lake.toml").write_text(profile, encoding="utf-8")
    window = ("--window_from", "2026-01-01", "--window_to", "2027-01-01T00:00")
    command = ("--JOB_NAME", "reprocess", "--lake_store", lake.root, "--engine", "spark", *window)
    for _ in range(2):  # a retry of a job that was done finds nothing to do
        done = job(*command, name="reprocess")
        assert done.returncode == 0, done.stderr
    assert "releases []" in done.stderr
    lake = Lake.open(lake.root)
    assert_conserved(lake)
    assert (holdings(lake), derived(lake)) == (holdings(wanted), derived(wanted))


def test_the_job_refuses_a_window_that_is_none(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", {"engine": "spark"})
    window = ("--window_from", "soon", "--window_to", "2027-01-01")
    done = job("--JOB_NAME", "r", "--lake_store", lake.root, *window, name="reprocess")
    assert (done.returncode, "is no hour" in done.stderr) == (2, True)


def test_the_job_that_maintains_ends_well_where_there_is_nothing_to_do(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", {"engine": "spark"})
    done = job("--JOB_NAME", "m", "--lake_store", lake.root, name="maintain")
    assert (done.returncode, "Compacted: {}" in done.stderr) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "lake_store"),
        (["--lake_store", "s3://bucket/lake", "--speed", "high"], "Argument --speed is not known"),
        (["--lake_store", "s3://bucket/lake", "--horizon_days", "many"], "is no number"),
        (["--lake_store", "s3://bucket/lake", "--engine", "duck"], "engine"),
        (["--lake_store", "s3://BUCKET"], "neither"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        lake_of([*JOB, *arguments])


def test_the_job_says_it_in_one_line_and_exits_2() -> None:
    done = job("--JOB_NAME", "curate")
    assert done.returncode == 2
    assert "Give --JOB_NAME and --lake_store" in done.stderr
    assert "Traceback" not in done.stderr


def test_arguments_that_glue_adds_are_let_pass() -> None:
    extra = [
        "--TempDir",
        "s3://t/",
        "--enable-metrics",
        "true",
        "--job-bookmark-option",
        "job-bookmark-disable",
    ]
    lake, _ = lake_of([*JOB, "--lake_store", "s3://bucket/lake", *extra])
    assert (lake.profile.engine, lake.profile.catalogue, lake.profile.store) == (
        "spark",
        "glue",
        "s3://bucket/lake",
    )


def test_the_modules_of_a_job_are_pinned_and_lack_what_glue_brings() -> None:
    found = {pin.partition("==")[0].lower() for pin in modules()}
    assert {"duckdb", "msgspec", "pyarrow", "pyiceberg", "isal"} <= found
    assert {"ua-parser-rs", "sqlalchemy"} <= found  # by the extras that this project asks for
    assert not {"pyspark", "boto3", "dbt-core", "moto", "pytest"} & found
    assert all("==" in pin for pin in modules())
