"""Records of the erased: what stands in raw in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.declarations import Declarations
from contracts.fields import Field
from contracts.subjects import ERASED
from contracts.validation import Foreign, Reading, Validator
from transforms.foreign import ForeignReader

_PLACEHOLDER: Final = "erased"

Object = dict[str, Any]
Judge = Callable[[Field, Any], bool]
"""True for a value of a declared field that has to go."""


class Anonymiser:
    """Rewrites records of one person's erasure, or of others that name the person."""

    def __init__(self, declarations: Declarations, values: frozenset[str]) -> None:
        """`values` are the person's identifiers."""
        self._declarations = declarations
        self._validator = Validator(declarations)
        self._foreign = ForeignReader()
        self._values = values

    def erased(self, record: bytes, event_type: str | None) -> bytes:
        """What stands for a record of the person: the record without what is personal, where its contract says so; else a mark."""
        if event_type is None or not self._declarations.event(event_type).latest.anonymises:
            return ERASED
        return self._rewritten(
            record, lambda field, value: bool(field.pii) or self._names(value), only_known=True
        )

    def without_name(self, record: bytes) -> bytes:
        """A record of somebody else without the person's identifiers."""
        return self._rewritten(record, lambda _, value: self._names(value), only_known=False)

    def _rewritten(self, record: bytes, judge: Judge, *, only_known: bool) -> bytes:
        ours = self._ours(record)
        verdict = self._validator.read_own(ours) if ours is not None else None
        if ours is None or not isinstance(verdict, Reading):
            return ERASED
        version = self._declarations.event(verdict.event_type).version(verdict.version)
        made: Object = msgspec.json.decode(ours)
        detail, metadata = made["detail"], made["detail"]["metadata"]
        fields = version.fields if version else ()
        made["detail"] = self._cleaned(detail, fields, judge, only_known=only_known)
        metadata = self._cleaned(metadata, self._declarations.envelope.metadata, judge, only_known=only_known)
        made["detail"]["metadata"] = metadata
        result = msgspec.json.encode(made)
        return result if isinstance(self._validator.read_own(result), Reading) else ERASED

    def _ours(self, record: bytes) -> bytes | None:
        """The record as one of ours: itself, or what the mapping makes of another producer's."""
        verdict = self._validator.read(record)
        if not isinstance(verdict, Foreign):
            return record
        (made,) = self._foreign.read(verdict.accepted, [record])
        return made if isinstance(made, bytes) else None

    def _cleaned(self, found: Object, fields: Sequence[Field], judge: Judge, *, only_known: bool) -> Object:
        known: Mapping[str, Field] = {field.name: field for field in fields}
        cleaned: Object = {}
        for name, value in found.items():
            field = known.get(name)
            if field is None:
                if not only_known and name != "metadata":
                    cleaned[name] = self._without_values(value)
            elif not judge(field, value) or value is None:
                cleaned[name] = self._within(value, field, judge, only_known=only_known)
            elif field.required:
                cleaned[name] = _PLACEHOLDER
        return cleaned

    def _within(self, value: Any, field: Field, judge: Judge, *, only_known: bool) -> Any:
        if isinstance(value, dict):
            return self._cleaned(value, field.members, judge, only_known=only_known)
        if isinstance(value, list) and field.element is not None:
            element = field.element
            return [
                self._within(each, element, judge, only_known=only_known)
                for each in value
                if isinstance(each, dict) or not judge(element, each)
            ]
        return value

    def _without_values(self, value: Any) -> Any:
        """A value that no contract knows, without the person's identifiers."""
        if isinstance(value, dict):
            return {name: self._without_values(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._without_values(each) for each in value]
        return None if self._names(value) else value

    def _names(self, value: Any) -> bool:
        return isinstance(value, str) and value in self._values
