"""Steps by which curate adds to an event what follows from it, declared in `enrichments.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts._located import Located, load_located
from contracts.fields import Field, parse_members

_KEYS = frozenset({"description", "reads", "together", "data", "known"})


@dataclass(frozen=True, slots=True)
class Enrichment:
    """One step: it reads fields of the event and fills `fields`, those in `together` only where the event states none of them.

    `known` is what it looks things up in.
    """

    name: str
    description: str
    reads: tuple[str, ...]
    fields: tuple[Field, ...]
    together: frozenset[str] = frozenset()
    known: Mapping[str, Any] = field(default_factory=dict, hash=False)


def load_enrichments(path: Path, shapes: Mapping[str, Located]) -> dict[str, Enrichment]:
    """The steps of a file, by name; none where there is no file.

    Raises:
        ContractError: naming file and line.
    """
    if not path.exists():
        return {}
    return {name: _enrichment(name, node, shapes) for name, node in _mappings(load_located(path))}


def _mappings(file: Located) -> Iterator[tuple[str, Located]]:
    for name, node in file.items():
        if not isinstance(node, Located):
            raise file.error(f"step {name!r} needs a mapping with description, reads and data", name)
        yield name, node


def _enrichment(name: str, node: Located, shapes: Mapping[str, Located]) -> Enrichment:
    node.refuse_unknown(_KEYS, "key")
    for key in ("description", "reads", "data"):
        if not node.get(key):
            raise node.error(f"step {name!r} lacks {key!r}")
    fields = parse_members(node["data"], shapes)
    required = [f.name for f in fields if not f.optional]
    if required:
        raise node.error(f"{required[0]!r} is required, but an event may not tell it; leave that out", "data")
    strange = set(node.get("together", [])) - {f.name for f in fields}
    if strange:
        raise node.error(f"{min(strange)!r} is not among the step's fields", "together")
    return Enrichment(
        name=name,
        description=" ".join(str(node["description"]).split()),
        reads=tuple(node["reads"]),
        fields=fields,
        together=frozenset(node.get("together", ())),
        known=node.get("known", {}),
    )


def parse_enrich(
    node: Located, fields: tuple[Field, ...], steps: Mapping[str, Enrichment], reserved: frozenset[str]
) -> tuple[Enrichment, ...]:
    """The steps that a contract names under `enrich`.

    Args:
        node: the contract.
        fields: its fields.
        steps: those there are.
        reserved: column names of the envelope and the lake.

    Raises:
        ContractError: naming file and line.
    """
    named = node.get("enrich", [])
    if not isinstance(named, list):
        raise node.error("'enrich' is a list of names of steps, such as [user_agent]", "enrich")
    kinds = {f.name: f for f in fields}
    filled: set[str] = set()
    for name in named:
        if name not in steps:
            raise node.error(f"no step {name!r} in enrichments.yaml; it has: {', '.join(steps)}", "enrich")
        if problem := _problem(steps[name], kinds, reserved):
            raise node.error(problem, "enrich")
        names = [f.name for f in steps[name].fields]
        if twice := filled.intersection(names):
            raise node.error(f"step {name!r} fills {min(twice)!r}, as another step does", "enrich")
        filled.update(names)
    return tuple(steps[name] for name in named)


def _problem(step: Enrichment, declared: Mapping[str, Field], reserved: frozenset[str]) -> str | None:
    """Why a contract with those fields cannot have the step."""
    for name in step.reads:
        if name not in declared:
            return f"step {step.name!r} reads {name!r}, which is not among the fields; add it"
    for each in step.fields:
        if each.name in reserved:
            return f"step {step.name!r} fills {each.name!r}, which is a column of the envelope"
        found = declared.get(each.name)
        if found and (found.kind != each.kind or not found.optional or not _covers(found.enum, each.enum)):
            return f"step {step.name!r} fills {each.name!r}; make that field of its type, and optional"
    return None


def _covers(declared: tuple[str, ...], filled: tuple[str, ...]) -> bool:
    return not declared or set(declared) >= set(filled) != set()
