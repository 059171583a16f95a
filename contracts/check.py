"""Checks a set of contracts with the samples derived from it."""

from __future__ import annotations

import msgspec

from contracts.declarations import Declarations
from contracts.errors import ContractError
from contracts.events import EventVersion
from contracts.samples import Sample, samples
from contracts.validation import Rejection, Validator


def check(declarations: Declarations) -> int:
    """Give every derived sample its verdict.

    Returns:
        How many samples were checked.

    Raises:
        ContractError: for the first sample whose verdict is not the one it should get.
    """
    validator = Validator(declarations)
    versions = [v for event in declarations.events.values() for v in event.versions]
    return sum(
        _check(validator, version, sample)
        for version in versions
        for sample in samples(declarations, version)
    )


def _check(validator: Validator, version: EventVersion, sample: Sample) -> int:
    verdict = validator.read(msgspec.json.encode(sample.record))
    found = verdict.error_type if isinstance(verdict, Rejection) else None
    if found != sample.error_type:
        wanted, got = sample.error_type or "valid", found or "valid"
        raise ContractError(
            f"sample {sample.name!r} should be {wanted} and is {got}", path=version.path, line=1
        )
    return 1
