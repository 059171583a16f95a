"""A lake's settings: lake.toml, and which of them go together."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from contracts.errors import FormatVersionError, StorageError, UsageError
from contracts.layout import FORMAT_VERSION

PROFILE: Final = "lake.toml"
FILES: Final = "files"
_STORE: Final = re.compile(r"files|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.=-]+)*/?")
_TEMPLATE: Final = """\
# The profile of this lake. Every setting may be left out; what stands here is the default.
format_version = {version}
# contracts = "path/to/contracts"   # a folder with envelope.yaml, shapes.yaml, enrichments.yaml, events/ and tables/
# dbt_project = "path/to/project"   # the marts' dbt project, if not the one that came with the program
# engine = "duckdb"                 # or "spark"
# partitions = 2                    # into how many lots Spark deals keys; left out: as many as there are cores
# store = "files"                   # or "s3://bucket/prefix": raw, tables and releases are there, and only scratch is here
# catalogue = "sqlite"              # or "glue", for a store on S3
# glue_database_prefix = "lake_"    # Glue's databases are lake_curated, lake_marts and lake_platform
# horizon_days = 7                  # how many days apart two records of one event_id are still compared
# lease_seconds = 60                # a run that was silent for so long may be overtaken
# grace_seconds = 3600              # how long files of a lost run are kept after it was found lost
# quarantine_threshold = 0.25       # share of quarantined records above which a run exits 1
# keep_releases = 50                # so many of the newest releases can be read and undone, whatever their age
# keep_days = 14                    # and those that are younger; what was erased is gone from old ones after so long
# outboxes = ["/var/lib/crm/outbox.db"]   # outboxes of producers on this machine, which an erasure has to reach too
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of one lake."""

    format_version: Annotated[int, Meta(ge=1)] = FORMAT_VERSION
    contracts: str | None = None
    dbt_project: str | None = None
    engine: Literal["duckdb", "spark"] = "duckdb"
    partitions: Annotated[int, Meta(ge=1)] | None = None
    store: str = FILES
    catalogue: Literal["sqlite", "glue"] = "sqlite"
    glue_database_prefix: Annotated[str, Meta(pattern="^[a-z0-9_]{0,200}$")] = "lake_"
    horizon_days: Annotated[int, Meta(ge=0)] = 7
    lease_seconds: Annotated[float, Meta(gt=0)] = 60.0
    grace_seconds: Annotated[float, Meta(ge=0)] = 3600.0
    quarantine_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.25
    keep_releases: Annotated[int, Meta(ge=1)] = 50
    keep_days: Annotated[float, Meta(ge=0, le=30)] = 14.0
    outboxes: tuple[str, ...] = ()

    @property
    def is_remote(self) -> bool:
        """True when raw and tables are on S3."""
        return self.store != FILES


def read_profile(path: Path) -> Profile:
    """The profile in a file.

    Raises:
        UsageError: when it cannot be understood, or its settings do not go together.
        FormatVersionError: when a newer program wrote it.
        StorageError: when it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise UsageError(f"{path} is not TOML ({e}). Mend that line.") from e
    except OSError as e:
        raise StorageError(f"{path} cannot be read ({e.strerror}). Mend its permissions.") from e
    return _parsed(text, path)


def new_profile(settings: Mapping[str, Any], path: Path) -> bytes:
    """The text of a profile with some settings; the others are named in it with their defaults.

    Raises:
        UsageError: when a setting cannot be so, or the settings do not go together.
    """
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    text = _TEMPLATE.format(version=FORMAT_VERSION) + "".join(lines)
    _parsed(text, path)
    return text.encode()


def _parsed(text: str, path: Path) -> Profile:
    try:
        settings: dict[str, Any] = tomllib.loads(text)
        Profile(**settings)  # refuses a setting that does not exist, which convert would pass over
        profile = msgspec.convert(settings, Profile)
    except tomllib.TOMLDecodeError as e:
        raise UsageError(f"{path} is not TOML ({e}). Mend that line.") from e
    except TypeError as e:
        known = ", ".join(Profile.__dataclass_fields__)
        raise UsageError(f"{path} has a setting that does not exist ({e}). Known: {known}.") from e
    except msgspec.ValidationError as e:
        raise UsageError(f"{path} has a setting that cannot be so ({e}). Mend that line.") from e
    _check(profile, path)
    return profile


def _check(profile: Profile, path: Path) -> None:
    if profile.format_version > FORMAT_VERSION:
        raise FormatVersionError(
            f"{path.parent} has format {profile.format_version}; this program knows up to {FORMAT_VERSION}. Upgrade unified-commerce-lake."
        )
    if not _STORE.fullmatch(profile.store):
        raise UsageError(
            f'{path} has store = "{profile.store}", which is neither "files" nor "s3://bucket/prefix". Mend that line.'
        )
    if profile.catalogue == "glue" and not profile.is_remote:
        raise UsageError(
            f'{path} has catalogue = "glue" with files of this machine, which nobody else who sees Glue could read. '
            'Set store = "s3://bucket/prefix", or catalogue = "sqlite".'
        )
