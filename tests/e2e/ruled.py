"""Contracts whose rules differ from the built-in ones, so that raw judged by them comes out otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from contracts.declarations import BUILT_IN
from lakehouse.lake import Lake


def other_contracts(folder: Path) -> Path:
    """A copy of the built-in contracts."""
    return Path(
        shutil.copytree(BUILT_IN, folder, ignore=shutil.ignore_patterns("*.py", "py.typed", "__pycache__"))
    )


def with_rule(contracts: Path, event_type: str, field: str, **rule: Any) -> None:
    """Change the rule of a field of an event type, or declare the field."""
    path = contracts / "events" / event_type / "v1.yaml"
    contract = yaml.safe_load(path.read_text(encoding="utf-8"))
    properties = contract["data"]["properties"]
    properties[field] = {**properties.get(field, {}), **rule}
    path.write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")


def with_envelope_rule(contracts: Path, field: str, **rule: Any) -> None:
    """Change the rule of a field of the envelope's metadata."""
    path = contracts / "envelope.yaml"
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    text["metadata"]["properties"][field] |= rule
    path.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")


def ruled_by(lake: Lake, contracts: Path) -> Lake:
    """The lake, opened again under other contracts."""
    profile = lake.root / "lake.toml"
    kept = [
        each for each in profile.read_text(encoding="utf-8").splitlines() if not each.startswith("contracts")
    ]
    profile.write_text("\n".join([*kept, f'contracts = "{contracts}"', ""]), encoding="utf-8")
    return Lake.open(lake.root)
