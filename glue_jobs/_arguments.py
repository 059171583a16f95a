"""Arguments of a Glue job, and the lake they name."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from awsglue.utils import GlueArgumentError, getResolvedOptions

from contracts.errors import LakeError, UsageError
from lakehouse.lake import Lake

OPTIONAL: Final[Mapping[str, str | int | float]] = {
    "engine": "spark",
    "catalogue": "glue",
    "glue_database_prefix": "lake_",
    "horizon_days": 7,
    "quarantine_threshold": 0.25,
}
"""Settings of the lake's profile that a job may be given, as they are without it on S3."""


def lake_of(arguments: Sequence[str], *, known: Sequence[str] = ()) -> tuple[Lake, dict[str, str]]:
    """The lake that a job's arguments name, with a scratch folder of its own on this machine.

    Args:
        arguments: as in `sys.argv`: `--JOB_NAME`, `--lake_store` (s3://bucket/prefix, or a folder of this machine), and settings.
        known: names of further arguments that this job demands.

    Returns:
        The lake, and the further arguments.

    Raises:
        UsageError: when an argument is missing, is not known, or cannot be so.
    """
    settings = [name for name in OPTIONAL if f"--{name}" in arguments]
    found = _resolved(arguments, ["JOB_NAME", "lake_store", *known, *settings])
    given = {name: _like(OPTIONAL[name], found[name]) for name in settings}
    return _opened(found["lake_store"], given), {name: found[name] for name in known}


def _like(default: str | float, value: str | float) -> str | int | float:
    """A setting given as text, as what its default is."""
    if isinstance(default, str):
        return value
    try:
        return type(default)(value)
    except ValueError as e:
        raise UsageError(
            f"Argument {value!r} is no number, such as {default}. Mend it in the job's arguments."
        ) from e


def _resolved(arguments: Sequence[str], names: list[str]) -> dict[str, str]:
    unknown = [
        a for a in arguments[1:] if a.startswith("--") and not _is_known(a[2:].partition("=")[0], names)
    ]
    if unknown:
        raise UsageError(
            f"Argument {unknown[0]} is not known. Known: {', '.join('--' + name for name in [*names, *OPTIONAL])}."
        )
    try:
        resolved: dict[str, str] = getResolvedOptions(list(arguments), names)
    except GlueArgumentError as e:
        raise UsageError(
            f"The job's arguments are wrong: {e}. Give --JOB_NAME and --lake_store s3://bucket/prefix."
        ) from e
    return resolved


def _is_known(name: str, names: list[str]) -> bool:
    """Glue adds arguments of its own to every job; they have dashes or are in capitals."""
    return name in names or "-" in name or name.isupper() or name == "TempDir"


def _opened(store: str, given: Mapping[str, Any]) -> Lake:
    if not store.startswith("s3://"):
        return Lake.create(Path(store), given)
    return Lake.create(Path(tempfile.mkdtemp(prefix="lake-")), {"store": store, **OPTIONAL, **given})


def run_job(work: Callable[[list[str]], None], arguments: list[str]) -> int:
    """Do a job's work; what is raised on purpose is reported. Returns the exit code."""
    try:
        work(arguments)
    except LakeError as e:
        report(str(e))
        return e.exit_code
    return 0


def end(code: int) -> None:
    """End the process. Glue takes any exit for a failure, an exit with 0 too."""
    if code:
        sys.exit(code)


def report(line: str) -> None:
    """Say something in the job's log."""
    sys.stderr.write(f"{line}\n")
