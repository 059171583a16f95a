"""A lake: its profile, and its parts on the store and the catalogue that the profile names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from contracts.declarations import BUILT_IN, Declarations, load_declarations
from contracts.errors import NotALakeError, UsageError
from lakehouse.catalogue import Catalogue
from lakehouse.erasures import Erasures
from lakehouse.lease import Lease
from lakehouse.listing import Listing
from lakehouse.parts import Parts, parts_of, service_of
from lakehouse.profile import PROFILE, Profile, new_profile, read_profile
from lakehouse.pseudonym_keys import PseudonymKeys
from lakehouse.records import Records
from lakehouse.releases import Releases
from lakehouse.retentions import Retentions
from lakehouse.store import Store, write_whole
from lakehouse.warehouse import Warehouse

__all__ = ["PROFILE", "Lake"]


@dataclass(frozen=True)
class Lake:
    """An open lake. Its parts are made on first use."""

    root: Path
    profile: Profile

    @classmethod
    def create(cls, root: Path, settings: Mapping[str, Any] | None = None) -> Lake:
        """Make a lake in `root`, which may hold nothing yet, with settings that differ from the defaults.

        Raises:
            UsageError: when the folder already holds other things, or a lake with other settings; or when settings do not go together.
            StorageError: when it cannot be written.
        """
        if (root / PROFILE).is_file():
            lake = cls.open(root)
            differing = {k for k, v in (settings or {}).items() if getattr(lake.profile, k) != v}
            if differing:
                raise UsageError(
                    f"{root} is a lake already, with another {', '.join(sorted(differing))}. Edit its {PROFILE}, or name another folder."
                )
            return lake
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UsageError(f"{root} holds other things. Name an empty or new folder: `lake init DIR`.")
        return cls.adopt(root, settings)

    @classmethod
    def adopt(cls, root: Path, settings: Mapping[str, Any] | None = None) -> Lake:
        """Write a profile into a folder as it is, such as one in which only raw survived.

        Raises:
            UsageError: when the settings do not go together.
            StorageError: when the folder cannot be written.
        """
        write_whole(root / PROFILE, new_profile(settings or {}, root / PROFILE))
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> Lake:
        """Open the lake in `root`.

        Raises:
            NotALakeError: when there is none.
            FormatVersionError: when a newer program wrote it.
            UsageError: when lake.toml cannot be understood, or its settings do not go together.
        """
        path = root / PROFILE
        if not path.is_file():
            raise NotALakeError(
                f"{root} is not a lake (no {PROFILE}). Make one with `lake init {root}`, or name another with --lake."
            )
        return cls(root.resolve(), read_profile(path))

    @cached_property
    def declarations(self) -> Declarations:
        """The contracts of this lake."""
        chosen = self.profile.contracts
        return load_declarations((self.root / chosen).resolve() if chosen else BUILT_IN)

    @cached_property
    def _parts(self) -> Parts:
        return parts_of(self.root, self.profile)

    @property
    def store(self) -> Store:
        """The raw store."""
        return self._parts.store

    @property
    def warehouse(self) -> Warehouse:
        """Where the tables' files are."""
        return self._parts.warehouse

    @cached_property
    def lease(self) -> Lease:
        """The lease on writing."""
        return Lease(self._parts.records.below("lease"), seconds=self.profile.lease_seconds)

    @cached_property
    def reprocess_lease(self) -> Lease:
        """The lease on reprocessing: one at a time, beside the runs that hold the other for a moment each."""
        return Lease(self._parts.records.below("reprocess-lease"), seconds=self.profile.lease_seconds)

    @cached_property
    def releases(self) -> Releases:
        """The releases."""
        return Releases(self._parts.records.below("releases"))

    @cached_property
    def run_records(self) -> Records:
        """What is known of runs under way; in `lost`, of runs that were lost."""
        return self._parts.records.below("runs")

    @cached_property
    def pauses(self) -> Records:
        """Whether runs wait, and why."""
        return self._parts.records.below("pauses")

    @cached_property
    def replays(self) -> Records:
        """How far each replay came, by its id."""
        return self._parts.records.below("replays")

    @cached_property
    def archive_replays(self) -> Records:
        """Replays from archives of EventBridge that were started here."""
        return self._parts.records.below("archive-replays")

    @cached_property
    def upkeep(self) -> Records:
        """Maintenance that is decided and not done."""
        return self._parts.records.below("upkeep")

    @cached_property
    def audit(self) -> Records:
        """Who looked at restricted data."""
        return self._parts.records.below("audit")

    @cached_property
    def backfills(self) -> Records:
        """What was done of each backfill, by its name: a history too."""
        return self._parts.records.below("backfills")

    @cached_property
    def pseudonym_keys(self) -> PseudonymKeys:
        """The keys by which personal values become pseudonyms."""
        return PseudonymKeys(self._parts.records.below("keys"))

    @cached_property
    def erasures(self) -> Erasures:
        """The register of erasures: who asked, by when it is due, and how the erased are remembered."""
        return Erasures(self._parts.records.below("erasures"))

    @cached_property
    def retentions(self) -> Retentions:
        """What retention took out of raw."""
        return Retentions(self._parts.records.below("retentions"))

    @cached_property
    def listing(self) -> Listing:
        """What is remembered of listing raw."""
        return Listing(self.root / "listing.db", self.store)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The Iceberg catalogue."""
        return Catalogue(service_of(self.root, self.profile, self.warehouse))

    @property
    def log_path(self) -> Path:
        """The durable event log."""
        return self.root / "log.db"

    @property
    def outbox_path(self) -> Path:
        """The outbox of producers that name no other."""
        return self.root / "outbox.db"

    @property
    def runs(self) -> Path:
        """Working folders of runs under way, on this machine whatever the store."""
        return self.root / "runs"

    def scratch(self, run_id: str) -> str:
        """Where a run's rows pass between processes: its working folder; for Spark on S3, a place that executors reach."""
        if self.profile.engine == "spark" and self.profile.is_remote:
            return f"{self.profile.store.rstrip('/')}/scratch/{run_id}"
        return str(self.runs / run_id)

    @property
    def builds(self) -> Path:
        """Private files of mart builds, and the file of views for BI tools."""
        return self.root / "build"
