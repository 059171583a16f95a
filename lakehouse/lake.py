"""A lake's folder: its profile, its format version and where its parts are."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from contracts.declarations import BUILT_IN, Declarations, load_declarations
from contracts.errors import FormatVersionError, NotALakeError, StorageError, UsageError
from contracts.layout import FORMAT_VERSION
from lakehouse.catalogue import Catalogue
from lakehouse.lease import Lease
from lakehouse.listing import Listing
from lakehouse.releases import Releases
from lakehouse.store import FileStore, write_whole

PROFILE: Final = "lake.toml"
_TEMPLATE = """\
# The profile of this lake. Every setting may be left out; what stands here is the default.
format_version = {version}
# engine = "duckdb"                 # or "spark"
# partitions = 2                    # into how many lots Spark deals keys; left out: as many as there are cores
# contracts = "path/to/contracts"   # a folder with envelope.yaml, shapes.yaml, events/ and tables/
# dbt_project = "path/to/project"   # the marts' dbt project, if not the one that came with the program
# horizon_days = 7                  # how many days apart two records of one event_id are still compared
# lease_seconds = 60                # a run that was silent for so long may be overtaken
# grace_seconds = 3600              # how long files of a lost run are kept after it was found lost
# quarantine_threshold = 0.25       # share of quarantined records above which a run exits 1
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of one lake."""

    format_version: Annotated[int, Meta(ge=1)] = FORMAT_VERSION
    engine: Literal["duckdb", "spark"] = "duckdb"
    partitions: Annotated[int, Meta(ge=1)] | None = None
    contracts: str | None = None
    dbt_project: str | None = None
    horizon_days: Annotated[int, Meta(ge=0)] = 7
    lease_seconds: Annotated[float, Meta(gt=0)] = 60.0
    grace_seconds: Annotated[float, Meta(ge=0)] = 3600.0
    quarantine_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.25


@dataclass(frozen=True)
class Lake:
    """An open lake. Its parts are made on first use."""

    root: Path
    profile: Profile

    @classmethod
    def create(cls, root: Path) -> Lake:
        """Make a lake in `root`, which may hold nothing yet.

        Raises:
            UsageError: when the folder already holds other things.
            StorageError: when it cannot be written.
        """
        if (root / PROFILE).is_file():
            return cls.open(root)
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UsageError(f"{root} holds other things. Name an empty or new folder: `lake init DIR`.")
        return cls.adopt(root)

    @classmethod
    def adopt(cls, root: Path) -> Lake:
        """Write a profile into a folder as it is, such as one in which only raw survived.

        Raises:
            StorageError: when the folder cannot be written.
        """
        write_whole(root / PROFILE, _TEMPLATE.format(version=FORMAT_VERSION).encode())
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> Lake:
        """Open the lake in `root`.

        Raises:
            NotALakeError: when there is none.
            FormatVersionError: when a newer program wrote it.
            UsageError: when lake.toml cannot be understood.
        """
        path = root / PROFILE
        if not path.is_file():
            raise NotALakeError(
                f"{root} is not a lake (no {PROFILE}). Make one with `lake init {root}`, or name another with --lake."
            )
        profile = _read_profile(path)
        if profile.format_version > FORMAT_VERSION:
            raise FormatVersionError(
                f"{root} has format {profile.format_version}; this program knows up to {FORMAT_VERSION}. Upgrade unified-commerce-lake."
            )
        return cls(root.resolve(), profile)

    @cached_property
    def declarations(self) -> Declarations:
        """The contracts of this lake."""
        chosen = self.profile.contracts
        return load_declarations((self.root / chosen).resolve() if chosen else BUILT_IN)

    @cached_property
    def store(self) -> FileStore:
        """The raw store."""
        return FileStore(self.root / "raw")

    @cached_property
    def listing(self) -> Listing:
        """What is remembered of listing raw."""
        return Listing(self.root / "listing.db", self.store)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The Iceberg catalogue."""
        return Catalogue(self.root / "catalog.db", self.root / "warehouse")

    @cached_property
    def releases(self) -> Releases:
        """The releases."""
        return Releases(self.root / "releases")

    @cached_property
    def lease(self) -> Lease:
        """The lease on writing."""
        return Lease(self.root / "lease.db", seconds=self.profile.lease_seconds)

    @property
    def log_path(self) -> Path:
        """The durable event log."""
        return self.root / "log.db"

    @property
    def runs(self) -> Path:
        """Working folders and records of runs under way or lost."""
        return self.root / "runs"

    @property
    def builds(self) -> Path:
        """Private files of mart builds, and the file of views for BI tools."""
        return self.root / "build"


def _read_profile(path: Path) -> Profile:
    try:
        settings: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        Profile(**settings)  # refuses a setting that does not exist, which convert would pass over
        return msgspec.convert(settings, Profile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise UsageError(f"{path} is not TOML ({e}). Mend that line.") from e
    except TypeError as e:
        known = ", ".join(Profile.__dataclass_fields__)
        raise UsageError(f"{path} has a setting that does not exist ({e}). Known: {known}.") from e
    except msgspec.ValidationError as e:
        raise UsageError(f"{path} has a setting that cannot be so ({e}). Mend that line.") from e
    except OSError as e:
        raise StorageError(f"{path} cannot be read ({e.strerror}). Mend its permissions.") from e
