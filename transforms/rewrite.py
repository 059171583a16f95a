"""A record rewritten field by field, so that it is still valid; or a mark in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from contracts.declarations import Declarations
from contracts.fields import Field
from contracts.subjects import ERASED
from contracts.validation import Foreign, Reading, Validator
from transforms.foreign import ForeignReader

Object = dict[str, Any]
Clean = Callable[[Object, Sequence[Field]], Object | None]
"""Makes of an object, of which those fields are declared, what is to stand for it; None where nothing may."""


class Rewriter:
    """Rewrites records by their contracts. One of another producer becomes one of ours, as what is declared of it is declared there."""

    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self._validator = Validator(declarations)
        self._foreign = ForeignReader()

    def rewritten(self, record: bytes, clean: Clean) -> bytes:
        """The record with its data and its metadata cleaned; `ERASED` where it is no event then, or never was one."""
        ours = self._ours(record)
        verdict = self._validator.read_own(ours) if ours is not None else None
        if ours is None or not isinstance(verdict, Reading):
            return ERASED
        version = self._declarations.event(verdict.event_type).version(verdict.version)
        made: Object = msgspec.json.decode(ours)
        detail = clean(made["detail"], version.fields if version else ())
        metadata = clean(made["detail"]["metadata"], self._declarations.envelope.metadata)
        if detail is None or metadata is None:
            return ERASED
        result = msgspec.json.encode({**made, "detail": {**detail, "metadata": metadata}})
        return result if isinstance(self._validator.read_own(result), Reading) else ERASED

    def _ours(self, record: bytes) -> bytes | None:
        """The record as one of ours: itself, or what the mapping makes of another producer's."""
        verdict = self._validator.read(record)
        if not isinstance(verdict, Foreign):
            return record
        (made,) = self._foreign.read(verdict.accepted, [record])
        return made if isinstance(made, bytes) else None
