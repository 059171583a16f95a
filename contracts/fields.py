"""A field as a contract declares it: JSON Schema (2020-12) restricted to what every derivation supports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts._located import Located

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


class Kind(StrEnum):
    """What a value is; one kind is one type in every derivation."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE_TIME = "date-time"
    DATE = "date"
    MONEY = "money"
    RATE = "rate"
    BYTES = "bytes"
    OBJECT = "object"
    ARRAY = "array"


# format → (kind, pattern of the text or None)
FORMATS: Mapping[str, tuple[Kind, str | None]] = {
    "date-time": (Kind.DATE_TIME, None),
    "date": (Kind.DATE, None),
    "money": (Kind.MONEY, r"^-?[0-9]{1,14}(\.[0-9]{1,4})?\Z"),
    "unsigned-money": (Kind.MONEY, r"^[0-9]{1,14}(\.[0-9]{1,4})?\Z"),
    "rate": (Kind.RATE, r"^[0-9]{1,8}(\.[0-9]{1,10})?\Z"),
    "currency-code": (Kind.STRING, r"^[A-Z]{3}\Z"),
    "country-code": (Kind.STRING, r"^[A-Z]{2}\Z"),
    "sha256": (Kind.STRING, r"^[0-9a-f]{64}\Z"),
    "bytes": (Kind.BYTES, None),
}

_KEYWORDS = frozenset(
    {
        "$ref",
        "type",
        "enum",
        "format",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "items",
        "minItems",
        "maxItems",
    }
    | {"properties", "required", "description", "x-pii", "x-retention-days", "x-drop-before-raw"}
)
_TYPES = ("string", "integer", "number", "boolean", "object", "array")
_APPLIES: Mapping[str, tuple[str, ...]] = {
    "string": ("enum", "format", "minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "boolean": (),
    "object": ("properties", "required"),
    "array": ("items", "minItems", "maxItems"),
}
_PII = ("direct", "pseudonymous", "quasi")


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field. `members` belong to an object, `element` to an array.

    `dropped_before_raw`: an estate that lets Firehose transform takes the field out before anything is stored (`ingestion.minimise`).
    """

    name: str
    kind: Kind
    required: bool = False
    nullable: bool = False
    description: str = ""
    enum: tuple[str, ...] = ()
    format: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_items: int | None = None
    max_items: int | None = None
    members: tuple[Field, ...] = ()
    element: Field | None = None
    pii: str | None = None
    retention_days: int | None = None
    dropped_before_raw: bool = False

    @property
    def pattern(self) -> str | None:
        """The regular expression the text must match in whole, or None."""
        return FORMATS[self.format][1] if self.format else None

    @property
    def optional(self) -> bool:
        """True when a row may lack the value, so that its column is nullable."""
        return self.nullable or not self.required


def parse_members(node: Located, shapes: Mapping[str, Located]) -> tuple[Field, ...]:
    """The fields of an object schema, in the order they are written.

    Raises:
        ContractError: for an unsupported keyword, type or format, naming file and line.
    """
    properties = node.get("properties", Located())
    required = node.get("required", [])
    for name in required:
        if name not in properties:
            raise node.error(f"required field {name!r} is not among the properties", "required")
    for name, child in properties.items():
        if not isinstance(child, Located):
            raise properties.error(
                f"field {name!r} needs a mapping such as {{type: string, description: ...}}", name
            )
    return tuple(
        _placed(parse_field(name, child, shapes), child, required=name in required)
        for name, child in properties.items()
    )


def _placed(field: Field, node: Located, *, required: bool) -> Field:
    if required and field.dropped_before_raw:
        raise node.error(
            f"{field.name!r} is required, so x-drop-before-raw would make every event invalid; "
            "make it optional, or mark an optional field that it is within",
            "x-drop-before-raw",
        )
    return replace(field, required=required)


def parse_field(name: str, node: Located, shapes: Mapping[str, Located]) -> Field:
    """One field from its schema node."""
    node.refuse_unknown(_KEYWORDS, "keyword")
    if "$ref" in node:
        return _referenced(name, node, shapes)
    type_name, nullable = _type(name, node)
    _check_applicable(node, type_name)
    kind = _kind(node, type_name)
    _check_direct(node, kind)
    items = node.get("items")
    return Field(
        name=name,
        kind=kind,
        nullable=nullable,
        description=str(node.get("description", "")),
        enum=_enum(node, nullable=nullable),
        format=node.get("format"),
        min_length=node.get("minLength"),
        max_length=node.get("maxLength"),
        minimum=node.get("minimum"),
        maximum=node.get("maximum"),
        min_items=node.get("minItems"),
        max_items=node.get("maxItems"),
        members=parse_members(node, shapes),
        element=_element(items, shapes),
        pii=_pii(node),
        retention_days=node.get("x-retention-days"),
        dropped_before_raw=_dropped(node),
    )


def _element(items: Located | None, shapes: Mapping[str, Located]) -> Field | None:
    return _placed(parse_field("element", items, shapes), items, required=True) if items is not None else None


def _referenced(name: str, node: Located, shapes: Mapping[str, Located]) -> Field:
    prefix, _, shape = str(node["$ref"]).partition("#/")
    if prefix != "shapes.yaml" or shape not in shapes:
        raise node.error(
            f"$ref {node['$ref']!r} is unknown; use shapes.yaml#/<name> with one of: {', '.join(shapes)}",
            "$ref",
        )
    field = parse_field(name, shapes[shape], shapes)
    _check_direct(node, field.kind)
    if "type" in node:  # a sibling keyword narrows, as in JSON Schema
        field = replace(field, nullable=field.nullable and _type(name, node)[1])
    return replace(
        field,
        description=str(node.get("description", field.description)),
        pii=_pii(node) or field.pii,
        dropped_before_raw=_dropped(node) or field.dropped_before_raw,
    )


def _type(name: str, node: Located) -> tuple[str, bool]:
    """The type's name, and whether null is one of its values."""
    if "type" not in node:
        raise node.error(f"field {name!r} has no type")
    match node["type"]:
        case str(one) | [str(one)] if one in _TYPES:
            return one, False
        case [str(one), "null" | None] | ["null" | None, str(one)] if one in _TYPES:
            return one, True
    raise node.error(
        f'type {node["type"]!r} is not supported; use one of {", ".join(_TYPES)}, or [that, "null"]', "type"
    )


def _check_applicable(node: Located, type_name: str) -> None:
    for keyword in node:
        homes = [t for t, words in _APPLIES.items() if keyword in words]
        if homes and type_name not in homes:
            raise node.error(f"keyword {keyword!r} does not apply to type {type_name}", keyword)
    if type_name == "array" and not isinstance(node.get("items"), Located):
        raise node.error("an array needs items, a mapping such as {type: string}", "items")


def _kind(node: Located, type_name: str) -> Kind:
    name = node.get("format")
    if name is None:
        return Kind(type_name)
    if name not in FORMATS:
        raise node.error(f"format {name!r} is not supported; use one of: {', '.join(FORMATS)}", "format")
    return FORMATS[name][0]


def _enum(node: Located, *, nullable: bool) -> tuple[str, ...]:
    values = [v for v in node.get("enum", []) if v is not None]
    if not all(isinstance(v, str) for v in values):
        raise node.error("enum values are strings; quote words such as NO, on or 1", "enum")
    if values and nullable != (None in node["enum"]):
        raise node.error(
            "a nullable enum lists null, and no other does, or a plain validator would disagree", "enum"
        )
    return tuple(values)


def _pii(node: Located) -> str | None:
    value = node.get("x-pii")
    if value is not None and value not in _PII:
        raise node.error(f"x-pii {value!r} is not supported; use one of: {', '.join(_PII)}", "x-pii")
    return value


def _check_direct(node: Located, kind: Kind) -> None:
    """What is directly personal becomes a pseudonym, which is text."""
    if node.get("x-pii") == "direct" and kind not in {Kind.STRING, Kind.BYTES}:
        raise node.error(
            f"'x-pii: direct' is for strings; this is {kind}. Mark its members or elements.", "x-pii"
        )


def _dropped(node: Located) -> bool:
    value = node.get("x-drop-before-raw", False)
    if not isinstance(value, bool):
        raise node.error(
            f"x-drop-before-raw {value!r} is not supported; use true, or leave it out", "x-drop-before-raw"
        )
    return value
