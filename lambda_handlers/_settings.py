"""What the environment of a function says, and what follows from it."""

from __future__ import annotations

import os
from pathlib import Path

from contracts.declarations import BUILT_IN, Declarations, load_declarations
from contracts.errors import UsageError
from contracts.layout import DEFAULT_BUS
from ingestion.bus import Bus
from lakehouse._aws import event_bus_client

NAMESPACE = "Lake"
"""Of the metrics of all functions."""


def folder(name: str) -> Path:
    """The folder that a setting names.

    Raises:
        UsageError: when it is not set, or there is no such folder.
    """
    found = os.environ.get(name, "")
    if not found or not Path(found).is_dir():
        raise UsageError(
            f"{name} is {found!r}, which is no folder. Set it in the function's environment to one that is packaged or mounted."
        )
    return Path(found)


def declarations() -> Declarations:
    """The contracts in LAKE_CONTRACTS, or those that are built in.

    Raises:
        ContractError: for the first mistake in them.
        UsageError: when LAKE_CONTRACTS is no folder of contracts.
    """
    return load_declarations(folder("LAKE_CONTRACTS") if os.environ.get("LAKE_CONTRACTS") else BUILT_IN)


def bus(*, attempts: int | None = None) -> Bus:
    """The bus that LAKE_BUS names (`commerce`): a name or an ARN."""
    return Bus(event_bus_client(), os.environ.get("LAKE_BUS") or DEFAULT_BUS, attempts=attempts)
