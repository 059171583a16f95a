"""Erase: a person's records removed or anonymised in raw, and all that followed from them in every table; with a proof.

Raw is rewritten first. Then the objects are judged anew like in any reprocess, so that whatever is made from raw follows.
What an erasure is about is kept in the register while it is under way, so that it goes on wherever it was broken off.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from contracts.errors import UsageError
from contracts.subjects import Identifier
from lakehouse.erasures import Erasure, Found, Proof, RawChange
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from pipeline.build import build
from pipeline.curate import Progress, curate, quiet
from pipeline.derive import derive
from pipeline.pause import refuse_while_paused
from pipeline.personal_stores import PersonalStore, stores_of
from pipeline.raw_changes import ERASE, fence, rewrite_raw
from pipeline.reprocess import ReprocessResult, judge_anew
from pipeline.scan import scan
from pipeline.subject import belonging_to, by_object, identifiers_of
from pipeline.window import standings_of
from transforms.anonymise import Anonymiser
from transforms.repack import repack

DEADLINE: Final = dt.timedelta(days=30)
"""GDPR, article 12(3): a month from the request."""


@dataclass(frozen=True, slots=True)
class ErasePlan:
    """What an erasure would be about: identifiers of the person, records by event type (None: rejected), raw objects to rewrite.

    `stores`: records in stores beside raw and the tables.
    """

    identifiers: list[Identifier]
    records: dict[str | None, int]
    mentions: int
    raw_objects: int
    stores: dict[str, int]


def plan_erase(lake: Lake, asked: Identifier) -> ErasePlan:
    """Look, and change nothing."""
    found = _find(lake, asked)
    counts: dict[str | None, int] = defaultdict(int)
    for numbers in found.records.values():
        for event_type in numbers.values():
            counts[event_type] += 1
    mentions = sum(map(len, found.mentions.values()))
    stores = {store.name: store.hits(found.identifiers) for store in stores_of(lake)}
    objects = len({*found.records, *found.mentions})
    return ErasePlan(list(found.identifiers), dict(counts), mentions, objects, stores)


def request_erasure(lake: Lake, asked: Identifier, now: dt.datetime) -> Erasure:
    """Enter a request into the register; one that stands there undone is returned as it is."""
    if found := _asked_for(lake, asked):
        return found
    return lake.erasures.add(lake.erasures.hash_of(asked), now, now + DEADLINE)


def _asked_for(lake: Lake, asked: Identifier) -> Erasure | None:
    """The entry of a request that is not done yet."""
    subject = lake.erasures.hash_of(asked)
    return next((e for e in lake.erasures.all() if e.subject == subject and e.proof is None), None)


def erase(lake: Lake, asked: Identifier, now: dt.datetime, *, progress: Progress = quiet) -> Erasure:
    """Erase a person. Broken off, the same call goes on.

    What is in raw and not curated yet is curated first, so that nothing of the person is overlooked.

    Args:
        lake: the lake; what waits in the event log must have landed.
        asked: one identifier of the person.
        now: the time now, with zone: what happened before is erased, now and whenever it comes again.
        progress: told of raw objects rewritten.

    Raises:
        UsageError: when nothing is held of the person, or a legal hold keeps it.
        HeldError: when the lake is paused, or another run holds it; doing it again is safe.
    """
    refuse_while_paused(lake)
    stores = stores_of(lake)
    erasure = _asked_for(lake, asked)
    if erasure is None or erasure.found is None:
        curate(lake)
        derive(lake)
        held = _find(lake, asked)
        if not (held.records or held.mentions or any(store.hits(held.identifiers) for store in stores)):
            return _erased_before(lake, asked)
        erasure = _begun(lake, asked, held, now)
    found = erasure.found
    if found is None:
        raise AssertionError("an erasure under way says what it is about")
    erasure = _out_of_stores(lake, erasure, found, stores)
    with lake.reprocess_lease.hold(secrets.token_hex(8)):
        erasure = _rewrite(lake, erasure, found, progress)
        names = sorted({*found.records, *found.mentions})
        result = judge_anew(lake, standings_of(lake, lake.releases.latest(), names), verb=ERASE)
        erasure = _noted(lake, erasure, result)
    derive(lake)
    build(lake)
    fence(lake, ERASE)
    reach("erase.followed")
    hits = scan(lake, [each.value for each in found.identifiers], names)
    hits |= {store.name: store.hits(found.identifiers) for store in stores}
    gone_by = {"old snapshots and their files": now + dt.timedelta(days=lake.profile.keep_days)}
    proof = Proof(now, scanned=hits, hits=sum(hits.values()), gone_by=gone_by)
    done = msgspec.structs.replace(erasure, found=None, proof=proof)
    lake.erasures.put(done)
    lake.erasures.summarise()
    return done


def _find(lake: Lake, asked: Identifier) -> Found:
    with connect(lake, release_of(lake)) as connection:
        identifiers = identifiers_of(connection, asked)
        found = belonging_to(connection, lake, identifiers)
    records: dict[str, dict[int, str | None]] = defaultdict(dict)
    for (raw_object, number), event_type in sorted(found.records.items()):
        records[raw_object][number] = event_type
    return Found(tuple(identifiers), dict(records), by_object(found.mentions), tuple(sorted(found.payloads)))


def _erased_before(lake: Lake, asked: Identifier) -> Erasure:
    """The erasure that left nothing of a person, so that asking again is harmless."""
    subject = lake.erasures.hash_of(asked)
    for each in lake.erasures.all():
        if each.proof is not None and subject in each.subjects:
            return each
    raise UsageError(
        f"Nothing is held of {asked.kind} {asked.value}. Is it of another kind? Kinds: `lake erase --help`."
    )


def _begun(lake: Lake, asked: Identifier, found: Found, now: dt.datetime) -> Erasure:
    """Enter what the erasure is about, and let nothing of it in from now on."""
    lake.erasures.refuse_held(list(found.identifiers))
    begun = msgspec.structs.replace(
        request_erasure(lake, asked, now),
        subjects=tuple(map(lake.erasures.hash_of, found.identifiers)),
        payloads=found.payloads,
        before=now.astimezone(dt.UTC).replace(tzinfo=None),
        found=found,
    )
    lake.erasures.put(begun)
    reach("erase.begun")
    return begun


def _out_of_stores(lake: Lake, erasure: Erasure, found: Found, stores: list[PersonalStore]) -> Erasure:
    """Take the person out of stores beside raw and the tables; broken off, what was counted before is added to."""
    anonymiser, counts = _anonymiser(lake, found), dict(erasure.stores)
    for store in stores:
        counts[store.name] = counts.get(store.name, 0) + store.erase(found.identifiers, anonymiser)
        erasure = msgspec.structs.replace(erasure, stores=dict(counts))
        lake.erasures.put(erasure)
    return erasure


def _anonymiser(lake: Lake, found: Found) -> Anonymiser:
    return Anonymiser(lake.declarations, frozenset(each.value for each in found.identifiers))


def _rewrite(lake: Lake, erasure: Erasure, found: Found, progress: Progress) -> Erasure:
    """Rewrite the raw objects without the person; returns the erasure with what was noted of them."""
    anonymiser, changes = _anonymiser(lake, found), list(erasure.rewritten)

    def note(change: RawChange) -> None:
        changes.append(change)
        lake.erasures.put(msgspec.structs.replace(erasure, rewritten=tuple(changes)))

    names = sorted({*found.records, *found.mentions})
    rewrite_raw(lake, names, partial(_rewritten, found, anonymiser), erasure.rewritten, note, progress)
    return msgspec.structs.replace(erasure, rewritten=tuple(changes))


def _rewritten(found: Found, anonymiser: Anonymiser, name: str, data: bytes) -> bytes:
    """The object's bytes without the person."""
    of_person, of_others = found.records.get(name, {}), set(found.mentions.get(name, ()))

    def replacement(number: int, record: bytes) -> bytes:
        if number in of_person:
            return anonymiser.erased(record, of_person[number])
        return anonymiser.without_name(record) if number in of_others else record

    return repack(data, replacement)


def _noted(lake: Lake, erasure: Erasure, result: ReprocessResult) -> Erasure:
    """Note what changed in tables; judged anew once more, nothing does."""
    if not result.releases:
        return erasure
    rows = {
        each.table: {
            what: sum(getattr(day, what) for day in each.days) for what in ("added", "removed", "changed")
        }
        for each in result.differences
    }
    noted = msgspec.structs.replace(erasure, rows=rows, releases=tuple(result.releases))
    lake.erasures.put(noted)
    return noted
