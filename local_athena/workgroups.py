"""Workgroups, and where their results go."""

from __future__ import annotations

import time
from typing import Any, Final

from local_athena.errors import invalid

PRIMARY: Final = "primary"
_ENGINE: Final = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}


class Workgroups:
    """The workgroups; `primary` is always there."""

    def __init__(self, results: str) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self.create(PRIMARY, {"ResultConfiguration": {"OutputLocation": results}})

    def create(self, name: str, configuration: dict[str, Any], description: str = "") -> None:
        """Make a workgroup.

        Raises:
            ApiError: there is one of the name
        """
        if name in self._found:
            raise invalid(f"WorkGroup {name} is already created")
        settings = {
            "EnforceWorkGroupConfiguration": name != PRIMARY,
            "PublishCloudWatchMetricsEnabled": False,
            "RequesterPaysEnabled": False,
            "EngineVersion": _ENGINE,
            **configuration,
        }
        self._found[name] = {
            "Name": name,
            "State": "ENABLED",
            "Description": description,
            "CreationTime": time.time(),
            "Configuration": settings,
        }

    def get(self, name: str) -> dict[str, Any]:
        """A workgroup, as GetWorkGroup gives it.

        Raises:
            ApiError: there is none
        """
        if name not in self._found:
            raise invalid(f"WorkGroup {name} is not found.")
        return self._found[name]

    def update(self, name: str, changes: dict[str, Any]) -> None:
        """Change a workgroup's configuration as UpdateWorkGroup does."""
        configuration = self.get(name)["Configuration"]
        results = changes.pop("ResultConfigurationUpdates", None)
        configuration |= changes
        if results is not None:
            configuration["ResultConfiguration"] = {**configuration.get("ResultConfiguration", {}), **results}

    def delete(self, name: str) -> None:
        """Take a workgroup away."""
        if name == PRIMARY:
            raise invalid("The primary workgroup cannot be deleted")
        self.get(name)
        del self._found[name]

    def all(self) -> list[dict[str, Any]]:
        """All workgroups, as ListWorkGroups gives them."""
        named = ("Name", "State", "Description", "CreationTime")
        return [{**{k: w[k] for k in named}, "EngineVersion": _ENGINE} for w in self._found.values()]

    def output(self, name: str, asked: str | None) -> str:
        """Where results go: the workgroup decides where it enforces its configuration, the caller otherwise.

        Source: https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html

        Raises:
            ApiError: neither says it
        """
        configuration = self.get(name)["Configuration"]
        own: str | None = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        location = (own or asked) if configuration["EnforceWorkGroupConfiguration"] else (asked or own)
        if not location:
            raise invalid(
                "No output location provided. An output location is required either through the Workgroup result "
                "configuration setting or as an API input."
            )
        return location
