"""Which parts of which marts a build makes again: what follows from the changes of releases, by each mart's own rule."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import BuildError
from contracts.layout import CURATED, MARTS, curated_table
from lakehouse.datafiles import EPOCH, partition_day
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import connect, query

Changes = dict[str, set[str]]
"""Partitions (ISO dates) that changed, by table identifier."""
Cuts = tuple[Release, Release]
"""The release that the marts reflect, and the one they shall reflect."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a mart depends on its sources, as its yml declares under `meta.rebuild`.

    `by`: rows of a day depend on that day's events (day), on all events of a key whose anchor is in that day (key), or on
    anything (whole). `from_day`: a change of that source touches every day from the earliest date in the named column on.
    """

    mart: str
    by: str
    sources: tuple[str, ...]
    partition: str | None = None
    key: str | None = None
    anchor: str | None = None
    from_day: Mapping[str, str] = field(default_factory=dict)


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
        from_day={_identifier(s): column for s, column in declared.get("from_day", {}).items()},
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


def _rebuild(lake: Lake, rule: Rule, changes: Changes, cuts: Cuts) -> Rebuild | None:
    touched = {s: changes[s] for s in (*rule.sources, *rule.from_day) if changes.get(s)}
    if f"{MARTS}.{rule.mart}" not in cuts[1].tables or (touched and rule.by == "whole"):
        return Rebuild(rule)
    days = {day for source in rule.sources for day in touched.get(source, ())} if rule.by == "day" else set()
    if rule.by == "key" and touched:
        days |= _days_of_keys(lake, rule, touched, cuts)
    for source, column in rule.from_day.items():
        if source in touched:
            days |= _days_from(lake, rule, cuts, _earliest(lake, source, column, touched[source], cuts))
    return Rebuild(rule, tuple(sorted(days))) if days else None


def _days_of_keys(lake: Lake, rule: Rule, touched: Changes, cuts: Cuts) -> set[str]:
    """Days of the anchor's rows whose key has events in the changed partitions, before the change or after it."""
    anchor = curated_table(str(rule.anchor))
    days = set(touched.get(anchor, ()))
    for source, changed in touched.items():
        sql = (
            f"select distinct cast(occurred_at as date) from {anchor} where {rule.key} in"
            f" (select {rule.key} from {source} where {_in(lake, source, changed)})"
        )
        days.update(_values(lake, sql, cuts))
    return days


def _earliest(lake: Lake, source: str, column: str, changed: set[str], cuts: Cuts) -> str:
    found = _values(
        lake,
        f"select min({column}) from {source} where {_in(lake, source, changed)} having min({column}) is not null",
        cuts,
    )
    return min(found, default=min(changed))


def _days_from(lake: Lake, rule: Rule, cuts: Cuts, earliest: str) -> set[str]:
    """Days the mart has from `earliest` on."""
    identifier = f"{MARTS}.{rule.mart}"
    files = lake.catalogue.files(identifier, cuts[1].tables[identifier])
    days = {str(EPOCH + dt.timedelta(days=day)) for file in files if (day := partition_day(file)) is not None}
    return {day for day in days if day >= earliest}


def _in(lake: Lake, source: str, changed: set[str]) -> str:
    """A condition that holds for a source's rows of the partitions that changed."""
    partition = lake.declarations.table(source)[1]
    return f"cast({partition} as date) in (" + ", ".join(f"date '{day}'" for day in sorted(changed)) + ")"


def _values(lake: Lake, sql: str, cuts: Cuts) -> set[str]:
    """The first column of a query's rows, as text, over each cut."""
    found: set[str] = set()
    for cut in cuts:
        with connect(lake, cut, schemas=(CURATED,)) as connection:
            found.update(str(value) for value in query(connection, sql).column(0).to_pylist())
    return found
