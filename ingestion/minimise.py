"""What contracts mark with `x-drop-before-raw` is taken out of records before they are stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from contracts.declarations import Declarations
from contracts.fields import Field, Kind

Drops: TypeAlias = Mapping[str, "Drops | None"]
"""What of an object is dropped, by name: a member in whole (None), or something within it."""

_Cut: TypeAlias = tuple[int, int]
"""Where something to be left out begins and ends in a text."""


class _Member(NamedTuple):
    """A member of an object, and where in a text it begins, its value begins, and both end."""

    name: str
    begin: int
    value: int
    end: int


_WHITE: Final = re.compile(r"[ \t\n\r]*")
_read: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
"""Numbers stay text: none of them is needed, and one of many digits would be refused."""


class Minimiser:
    """Knows what is dropped of which version of which event type.

    Documents of sources, which become events only at curate, are not looked into.
    """

    def __init__(self, declarations: Declarations) -> None:
        self._drops = {
            event.name: {str(each.version): drops_of(declarations, each.fields) for each in event.versions}
            for event in declarations.events.values()
        }
        self._is_idle = not any(any(each.values()) for each in self._drops.values())

    def minimise(self, data: bytes) -> bytes:
        """The data of a Firehose record without what is to be dropped; every other byte stays.

        Args:
            data: envelopes, joined or in lines of their own. What is no JSON, and events of types that no contract declares, stay as
                they are: they end in quarantine, whole.
        """
        if self._is_idle:
            return data
        text = data.decode("utf-8", "surrogateescape")  # broken bytes come out as they went in
        cuts = [cut for at, envelope in _envelopes(text) for cut in _cuts(text, at, self._of(envelope))]
        return _without(text, cuts).encode("utf-8", "surrogateescape") if cuts else data

    def _of(self, envelope: Any) -> Drops:
        """What is dropped of an envelope; where its version is not known, what is dropped of any version."""
        versions = self._drops.get(_text(_at(envelope, "detail-type")), {})
        version = _text(_at(envelope, "detail", "metadata", "schema_version"))
        return versions[version] if version in versions else _joined(versions.values())


def drops_of(declarations: Declarations, fields: tuple[Field, ...]) -> Drops:
    """What is dropped of a record whose data has these fields."""
    envelope = declarations.envelope
    metadata = Field("metadata", Kind.OBJECT, members=envelope.metadata)
    detail = Field("detail", Kind.OBJECT, members=(metadata, *fields))
    return _drops((*(each for each in envelope.record if each.name != "detail"), detail))


def _drops(fields: Iterable[Field]) -> dict[str, Drops | None]:
    found: dict[str, Drops | None] = {}
    for field in fields:
        inner = _drops(_members(field))
        if field.dropped_before_raw:
            found[field.name] = None
        elif inner:
            found[field.name] = inner
    return found


def _members(field: Field) -> tuple[Field, ...]:
    return _members(field.element) if field.element else field.members


def _joined(many: Iterable[Drops]) -> Drops:
    found: dict[str, Drops | None] = {}
    for each in many:
        for name, inner in each.items():
            before = found.get(name, {})
            found[name] = None if inner is None or before is None else _joined([before, inner])
    return found


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _envelopes(text: str) -> Iterator[tuple[int, Any]]:
    """Where each JSON value begins, and the value; after what is none, it goes on in the next line."""
    at = _after_white(text, 0)
    while at < len(text):
        try:
            value, end = _read(text, at)
        except (ValueError, RecursionError):
            end = text.find("\n", at) + 1 or len(text)
        else:
            yield at, value
        at = _after_white(text, end)


def _cuts(text: str, at: int, drops: Drops) -> Iterator[_Cut]:
    """What to leave out of the value that begins there."""
    if not drops:
        return
    if text[at] == "[":
        for begin in _items(text, at):
            yield from _cuts(text, begin, drops)
    elif text[at] == "{":
        members = list(_members_at(text, at))
        for each in members:
            yield from _cuts(text, each.value, drops.get(each.name) or {})
        yield from _members_cut(members, {name for name, inner in drops.items() if inner is None})


def _members_cut(members: list[_Member], dropped: set[str]) -> Iterator[_Cut]:
    """Members with the comma behind them; the last of an object, with the comma before."""
    kept: int | None = None
    for each, after in zip(members, [*members[1:], None], strict=False):
        if each.name not in dropped:
            kept = each.end
        elif after:
            yield each.begin, after.begin
        else:
            yield each.begin if kept is None else kept, each.end


def _items(text: str, at: int) -> Iterator[int]:
    """Where each item of the array begins that begins there."""
    at = _after_white(text, at + 1)
    while text[at] != "]":
        yield at
        at = _after_comma(text, _read(text, at)[1])


def _members_at(text: str, at: int) -> Iterator[_Member]:
    """The members of the object that begins there."""
    at = _after_white(text, at + 1)
    while text[at] != "}":
        name, colon = _read(text, at)
        value = _after_white(text, _after_white(text, colon) + 1)
        member = _Member(name, at, value, _read(text, value)[1])
        yield member
        at = _after_comma(text, member.end)


def _after_comma(text: str, at: int) -> int:
    at = _after_white(text, at)
    return _after_white(text, at + 1) if text[at] == "," else at


def _after_white(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    return found.end() if found else at


def _without(text: str, cuts: list[_Cut]) -> str:
    parts, at = [], 0
    for begin, end in sorted(cuts):  # cuts of members next to each other overlap
        parts.append(text[at:begin])
        at = max(at, end)
    return "".join([*parts, text[at:]])
