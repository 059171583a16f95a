"""Which parts of which marts a build makes again: what follows from the changes of releases, by each mart's own rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import BuildError
from contracts.layout import MARTS, curated_table
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import connect, query

Changes = dict[str, set[str]]
"""Partitions (ISO dates) that changed, by table identifier."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a mart depends on its sources, as its yml declares under `meta.rebuild`."""

    mart: str
    by: str
    sources: tuple[str, ...]
    partition: str | None = None
    key: str | None = None
    anchor: str | None = None
    whole_when_changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What of a mart is made again: the days named, or all of it."""

    rule: Rule
    days: tuple[str, ...] | None = field(default=None)


def load_rules(project: Path) -> list[Rule]:
    """The rules of every mart of a dbt project.

    Raises:
        BuildError: when a mart declares none, or one that does not exist.
    """
    models = [m for path in sorted((project / "models" / "marts").rglob("*.yml")) for m in _models(path)]
    return [_rule(name, meta) for name, meta in models]


def _models(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
        yield model["name"], model.get("config", {}).get("meta", {}).get("rebuild", {})


def _rule(name: str, declared: dict[str, Any]) -> Rule:
    if declared.get("by") not in {"day", "key", "whole"}:
        raise BuildError(f"Mart {name} declares no meta.rebuild.by; use day, key or whole in its yml.")
    sources = tuple(_identifier(s) for s in declared.get("sources", []))
    return Rule(
        mart=name,
        by=declared["by"],
        sources=sources,
        partition=declared.get("partition"),
        key=declared.get("key"),
        anchor=declared.get("anchor"),
        whole_when_changed=tuple(_identifier(s) for s in declared.get("whole_when_changed", [])),
    )


def _identifier(source: str) -> str:
    return source if "." in source else curated_table(source)


def changes_since(lake: Lake, number: int) -> Changes:
    """What releases after `number` changed."""
    changes: Changes = defaultdict(set)
    for release in lake.releases.since(number):
        for identifier, days in release.changes.items():
            changes[identifier].update(days)
    return changes


def rebuilds(lake: Lake, rules: list[Rule], release: Release, *, full: bool) -> list[Rebuild]:
    """What to make again so that the marts reflect `release`. Never from a lookback guess."""
    built = lake.releases.get(release.built) if release.built else None
    if full or built is None:
        return [Rebuild(rule) for rule in rules]
    changes = changes_since(lake, built.number)
    found = (_rebuild(lake, rule, changes, (built, release)) for rule in rules)
    return [rebuild for rebuild in found if rebuild is not None]


def _rebuild(lake: Lake, rule: Rule, changes: Changes, cuts: tuple[Release, Release]) -> Rebuild | None:
    touched = {s: changes[s] for s in (*rule.sources, *rule.whole_when_changed) if changes.get(s)}
    is_new = f"{MARTS}.{rule.mart}" not in cuts[1].tables
    if is_new or (touched and (rule.by == "whole" or touched.keys() & set(rule.whole_when_changed))):
        return Rebuild(rule)
    if not touched:
        return None
    days = set().union(*touched.values()) if rule.by == "day" else _days_of_keys(lake, rule, touched, cuts)
    return Rebuild(rule, tuple(sorted(days)))


def _days_of_keys(lake: Lake, rule: Rule, touched: Changes, cuts: tuple[Release, Release]) -> set[str]:
    """Days of the anchor's rows whose key has events in the changed partitions, before the change or after it."""
    anchor = curated_table(str(rule.anchor))
    days = set(touched.get(anchor, ()))
    for cut in cuts:
        with connect(lake, cut) as connection:
            for source, changed in touched.items():
                listed = ", ".join(f"date '{day}'" for day in sorted(changed))
                found = query(
                    connection,
                    f"select distinct cast(occurred_at as date) as day from {anchor} where {rule.key} in"
                    f" (select {rule.key} from {source} where cast(occurred_at as date) in ({listed}))",
                )
                days.update(str(day) for day in found["day"].to_pylist())
    return days
