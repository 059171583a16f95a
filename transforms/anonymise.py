"""Records of the erased: what stands in raw in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from contracts.declarations import Declarations
from contracts.fields import Field
from contracts.subjects import ERASED
from transforms.rewrite import Object, Rewriter

_PLACEHOLDER: Final = "erased"

Judge = Callable[[Field, Any], bool]
"""True for a value of a declared field that has to go."""


class Anonymiser:
    """Rewrites records of one person's erasure, or of others that name the person."""

    def __init__(self, declarations: Declarations, values: frozenset[str]) -> None:
        """`values` are the person's identifiers."""
        self._declarations = declarations
        self._rewriter = Rewriter(declarations)
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
        return self._rewriter.rewritten(
            record, lambda found, fields: self._cleaned(found, fields, judge, only_known=only_known)
        )

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
