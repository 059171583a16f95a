"""dbt-duckdb plugin: gives a build views over the lake's newest release (or the one named) as its sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from contracts.layout import CURATED, PLATFORM
from lakehouse.duck import attach_store
from lakehouse.lake import Lake
from lakehouse.sql import create_views, release_of, views


class Plugin(BasePlugin):
    """Configured with `lake`, the lake's folder, and optionally `release`, a number."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Remember the settings."""
        self._lake = Lake.open(Path(config["lake"]))
        self._release = int(config["release"]) if config.get("release") else None

    def configure_connection(self, conn: Any) -> None:
        """Create the views on the build's database."""
        release = release_of(self._lake, self._release)
        attach_store(conn, self._lake.warehouse.location)
        create_views(conn, views(self._lake, release, schemas=(CURATED, PLATFORM)))
