"""The register of erasures: who is remembered, and that none is overlooked for being summed up."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from contracts.subjects import Identifier
from lakehouse.erasures import Erasures, Proof
from lakehouse.records import FileRecords

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
BEFORE = dt.datetime(2026, 11, 1, 12)  # noqa: DTZ001 as in tables
PROOF = Proof(NOON, {}, 0, {})


def begin(register: Erasures, value: str, *, done: bool) -> int:
    """Enter an erasure that is begun, or done."""
    subject = register.hash_of(Identifier("login", value))
    erasure = register.add(subject, NOON, NOON)
    begun = msgspec.structs.replace(erasure, subjects=(subject,), payloads=(len(value),), before=BEFORE)
    register.put(msgspec.structs.replace(begun, proof=PROOF if done else None))
    return erasure.number


def remembered(register: Erasures, *values: str) -> list[bool]:
    erased = register.erased()
    assert erased is not None
    assert erased.payloads == {len(value) for value in values if erased.until("login", value)}
    return [erased.until("login", value) == BEFORE for value in values]


def test_nobody_is_remembered_where_nobody_was_erased(tmp_path: Path) -> None:
    register = Erasures(FileRecords(tmp_path))
    assert register.erased() is None
    register.add(register.hash_of(Identifier("login", "zoe")), NOON, NOON)
    assert register.erased() is None


def test_all_are_remembered_summed_up_or_not(tmp_path: Path) -> None:
    register = Erasures(FileRecords(tmp_path))
    assert [begin(register, "ada", done=True), begin(register, "benno", done=False)] == [1, 2]
    assert remembered(register, "ada", "benno", "carola") == [True, True, False]
    register.summarise()
    begin(register, "danielle", done=True)
    assert remembered(register, "ada", "benno", "carola", "danielle") == [True, True, False, True]
    register.summarise()
    again = Erasures(FileRecords(tmp_path))
    assert remembered(again, "ada", "benno", "carola", "danielle") == [True, True, False, True]
    assert len(again.all()) == 3


def test_a_hash_says_nothing_without_the_lake_s_own_key_and_tells_kinds_apart(tmp_path: Path) -> None:
    one, other = (Erasures(FileRecords(tmp_path / name)) for name in ("one", "other"))
    zoe = Identifier("login", "zoe")
    assert one.hash_of(zoe) == one.hash_of(zoe) != other.hash_of(zoe)
    assert one.hash_of(zoe) != one.hash_of(Identifier("device", "zoe"))
