"""Event types and their versions, read from `events/<event_type>/v<N>.yaml`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts._located import Located, load_located
from contracts.enrichments import Enrichment, parse_enrich
from contracts.errors import ContractError
from contracts.fields import Field, Kind, parse_members

_HEADER = frozenset(
    {"domain", "owner", "description", "grain", "entity", "on_erasure", "accepts", "enrich", "lifts", "data"}
)
_DEMANDED = ("domain", "owner", "description", "grain", "entity", "data")
_ON_ERASURE = ("remove", "anonymise")
_LIFT_KEYS = frozenset({"from", "cast", "constant"})
_CASTABLE = ("string", "integer", "number", "boolean", "money")


@dataclass(frozen=True, slots=True)
class Lift:
    """How one field of this version is made from a row of the version before."""

    field: str
    source: str | None = None
    cast: Kind | None = None
    constant: str | int | bool | None = None


@dataclass(frozen=True, slots=True)
class EventVersion:
    """One version of an event type's contract.

    `anonymises`: of an erased person's record the personal fields go, and the rest stays (what accounting must keep); else all of it goes.
    """

    event_type: str
    version: int
    domain: str
    owner: str
    description: str
    grain: str
    entity: str
    fields: tuple[Field, ...]
    lifts: tuple[Lift, ...]
    path: Path
    accepts: tuple[Located, ...] = dataclasses.field(default=(), hash=False)
    enrich: tuple[Enrichment, ...] = dataclasses.field(default=(), hash=False)
    anonymises: bool = False

    @property
    def added(self) -> tuple[Field, ...]:
        """Columns beside the fields, which only enrichment fills."""
        names = {f.name for f in self.fields}
        return tuple(f for step in self.enrich for f in step.fields if f.name not in names)


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type: its versions, oldest first. The newest shapes the curated table."""

    name: str
    versions: tuple[EventVersion, ...]

    @property
    def latest(self) -> EventVersion:
        """The version whose fields are the curated table's columns."""
        return self.versions[-1]

    def version(self, number: int) -> EventVersion | None:
        """The version with that number, or None."""
        return next((v for v in self.versions if v.version == number), None)


def load_event_type(
    folder: Path,
    shapes: Mapping[str, Located],
    reserved: frozenset[str],
    steps: Mapping[str, Enrichment] | None = None,
) -> EventType:
    """Read every version of one event type.

    Args:
        folder: `events/<event_type>`.
        shapes: what `$ref` may name.
        reserved: column names of the envelope and the lake, which data fields may not take.
        steps: what `enrich` may name.

    Raises:
        ContractError: naming file and line.
    """
    numbered = sorted((_number(path), path) for path in folder.glob("*.yaml"))
    if not numbered:
        raise ContractError("an event type has a v1.yaml; write it or remove the folder", path=folder, line=1)
    versions = [
        _version(folder.name, number, path, shapes, reserved, steps or {}) for number, path in numbered
    ]
    for i, (number, path) in enumerate(numbered, start=1):
        if number != i:
            raise load_located(path).error(f"versions run v1, v2, … without gaps; v{i} is missing")
    for older in versions[:-1]:
        for header, found in (("accepts", older.accepts), ("enrich", older.enrich)):
            if found:
                newest = f"v{len(versions)}.yaml"
                message = f"{header!r} belongs into the newest version; move it to {newest}"
                raise load_located(older.path).error(message, header)
    return EventType(folder.name, tuple(versions))


def _number(path: Path) -> int:
    match = re.fullmatch(r"v([1-9][0-9]*)\.yaml", path.name)
    if not match:
        raise load_located(path).error("a contract file is named v1.yaml, v2.yaml, …")
    return int(match[1])


def _version(
    event_type: str,
    number: int,
    path: Path,
    shapes: Mapping[str, Located],
    reserved: frozenset[str],
    steps: Mapping[str, Enrichment],
) -> EventVersion:
    node = load_located(path)
    node.refuse_unknown(_HEADER, "header")
    for key in _DEMANDED:
        if not node.get(key):
            raise node.error(f"the header lacks {key!r}")
    fields = parse_members(node["data"], shapes)
    _check_names(node, fields, reserved)
    return EventVersion(
        event_type=event_type,
        version=number,
        domain=node["domain"],
        owner=node["owner"],
        description=" ".join(str(node["description"]).split()),
        grain=node["grain"],
        entity=node["entity"],
        fields=fields,
        lifts=_lifts(node, fields, number),
        path=path,
        accepts=_accepts(node),
        enrich=parse_enrich(node, fields, steps, reserved),
        anonymises=_anonymises(node),
    )


def _check_names(node: Located, fields: tuple[Field, ...], reserved: frozenset[str]) -> None:
    names = {f.name for f in fields}
    if node["entity"] not in names:
        raise node.error(f"entity {node['entity']!r} is not among the fields", "entity")
    properties = node["data"]["properties"]
    for field in fields:
        if field.name in reserved:
            raise properties.error(
                f"field {field.name!r} is a column of the envelope; choose another name", field.name
            )
        if not re.fullmatch(r"[a-z][a-z0-9_]*", field.name):
            raise properties.error(f"field {field.name!r} is not snake_case", field.name)
        if not field.description:
            raise properties.error(f"field {field.name!r} has no description", field.name)


def _anonymises(node: Located) -> bool:
    found = node.get("on_erasure", "remove")
    if found not in _ON_ERASURE:
        raise node.error(f"'on_erasure' is one of: {', '.join(_ON_ERASURE)}", "on_erasure")
    return bool(found == "anonymise")


def _accepts(node: Located) -> tuple[Located, ...]:
    accepts = node.get("accepts", [])
    if not isinstance(accepts, list) or not all(isinstance(each, Located) for each in accepts):
        raise node.error("'accepts' is a list of mappings with source, detail-type and mapping", "accepts")
    return tuple(accepts)


def _lifts(node: Located, fields: tuple[Field, ...], number: int) -> tuple[Lift, ...]:
    lifts: Located = node.get("lifts") or Located()
    if lifts and number == 1:
        raise node.error("v1 has no version before it to lift from", "lifts")
    return tuple(_lift(name, lifts, fields) for name in lifts)


def _lift(name: str, lifts: Located, fields: tuple[Field, ...]) -> Lift:
    how: Located = lifts[name]
    how.refuse_unknown(_LIFT_KEYS, "lift")
    if name not in {f.name for f in fields}:
        raise lifts.error(f"lifted field {name!r} is not among the fields", name)
    cast = how.get("cast")
    if cast is not None and cast not in _CASTABLE:
        raise how.error(f"cast {cast!r} is not supported; use one of: {', '.join(_CASTABLE)}", "cast")
    return Lift(name, how.get("from", name), Kind(cast) if cast else None, how.get("constant"))
