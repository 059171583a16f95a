"""Glue's shells, run as local processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment
from holdings import assert_conserved, derived, holdings
from test_killed_drivers import filled

from contracts.errors import UsageError
from glue_jobs._arguments import lake_of
from glue_jobs.modules import modules
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive

JOB = ("glue_jobs/curate.py", "--JOB_NAME", "curate")


def job(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glue_jobs.curate", *map(str, arguments)]
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
