"""Which functions Athena has: a reviewed list, as the Trino here is newer than the one there."""

from __future__ import annotations

from functools import cached_property
from importlib.resources import files
from typing import Any, Final

import yaml

from local_athena.engine import Engine

_FILE: Final = "functions.yaml"


def reviewed() -> dict[str, Any]:
    """The list: `allowed` names, and of each name in `refused` where it comes from."""
    found: dict[str, Any] = yaml.safe_load((files(__package__) / _FILE).read_text("utf-8"))
    return found


class Functions:
    """Functions that this Trino has and Athena does not."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @cached_property
    def refused(self) -> frozenset[str]:
        """All functions of this Trino that are not on the list."""
        rows = self._engine.run("SHOW FUNCTIONS").rows
        return frozenset(row[0].lower() for row in rows) - frozenset(reviewed()["allowed"].split())
