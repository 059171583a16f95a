from __future__ import annotations

from collections import Counter

import orjson
import pytest
from simulated import DECLARATIONS, START, good_lines, objects

from contracts.validation import Reading, Validator
from simulator import FAULTS, ManifestEntry, SimulatedObject, simulate
from transforms.decode import Decoded, Decoder
from transforms.unpack import unpack

Copy = tuple[str, int, str, int, str]
BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.fixture(scope="module")
def faulty() -> list[SimulatedObject]:
    return objects(faults=True)


@pytest.fixture(scope="module")
def manifest(faulty: list[SimulatedObject]) -> list[ManifestEntry]:
    return [entry for each in faulty for entry in each.manifest]


@pytest.fixture(scope="module")
def decoded(faulty: list[SimulatedObject]) -> list[tuple[SimulatedObject, Decoded]]:
    decoder = Decoder(DECLARATIONS)
    return [(each, decoder.decode([(each.raw_object, each.data)])) for each in faulty]


@pytest.fixture(scope="module")
def copies(faulty: list[SimulatedObject]) -> dict[str | None, list[Copy]]:
    """Every readable record: event_id → (envelope time, payload hash, object, number, event type) of each copy."""
    validator = Validator(DECLARATIONS)
    found: dict[str | None, list[Copy]] = {}
    for each in faulty:
        for n, line in enumerate(unpack(each.data).records):
            verdict = validator.read(line)
            if isinstance(verdict, Reading):
                record = orjson.loads(line)
                copy = (record["time"], verdict.payload_hash, each.raw_object, n, verdict.event_type)
                found.setdefault(record["detail"]["metadata"]["event_id"], []).append(copy)
    return found


def test_good_events_are_those_of_the_run_without_faults(faulty: list[SimulatedObject]) -> None:
    assert good_lines(faulty) == good_lines(objects())


def test_every_fault_occurs_with_its_outcome(
    faulty: list[SimulatedObject], manifest: list[ManifestEntry]
) -> None:
    found = {(e.fault, e.expected, e.error_type) for e in manifest}
    declared = {(f.name, f.expected, f.error_type) for f in FAULTS if f.name != "empty_object"}
    assert declared <= found
    assert {e.fault for e in manifest} <= set(BY_NAME)
    assert any(each.data == b"" and each.records == 0 for each in faulty)


def test_oversized_records_are_rare(manifest: list[ManifestEntry]) -> None:
    assert 1 <= sum(e.fault == "oversized_record" for e in manifest) <= 2


def test_decoding_rejects_what_the_manifest_says_and_nothing_else(
    decoded: list[tuple[SimulatedObject, Decoded]],
) -> None:
    for each, result in decoded:
        expected = {
            e.raw_record: e.error_type for e in each.manifest if e.error_type not in {None, "conflict"}
        }
        rejected = dict(
            zip(*(result.rejected[c].to_pylist() for c in ("raw_record", "error_type")), strict=True)
        )
        assert rejected == expected
        assert result.objects[0].records == each.records


def test_duplicates_conflicts_and_curated_are_told_apart_by_time_and_payload(
    copies: dict[str | None, list[Copy]], manifest: list[ManifestEntry]
) -> None:
    outcome = {}
    for each in copies.values():
        _, winner, *_ = min(each)
        for rank, (_, payload, raw_object, number, _) in enumerate(sorted(each)):
            loses = "duplicate" if payload == winner else "quarantined"
            outcome[raw_object, number] = loses if rank else "curated"
    told = {(e.raw_object, e.raw_record): e.expected for e in manifest if e.error_type in {None, "conflict"}}
    assert {key: outcome[key] for key in told} == told
    assert Counter(outcome.values())["curated"] == 20_000 + Counter(told.values())["curated"]


def test_copies_are_strictly_later_than_the_good_event(
    copies: dict[str | None, list[Copy]], manifest: list[ManifestEntry]
) -> None:
    injected = {(e.raw_object, e.raw_record) for e in manifest}
    for entry in manifest:
        if entry.expected == "duplicate" or entry.error_type == "conflict":
            mine = [c for c in copies[entry.event_id] if (c[2], c[3]) == (entry.raw_object, entry.raw_record)]
            good = [c for c in copies[entry.event_id] if (c[2], c[3]) not in injected]
            assert len(mine) == len(good) == 1
            assert good[0][0] < mine[0][0]
            assert (good[0][4] != mine[0][4]) == (entry.fault == "conflict_across_types")


def test_duplicates_lie_where_they_say(
    copies: dict[str | None, list[Copy]], manifest: list[ManifestEntry]
) -> None:
    homes = {key: each[0][2] for key, each in copies.items()}
    for entry in manifest:
        home = homes.get(entry.event_id, "")
        if entry.fault == "duplicate_in_object":
            assert home == entry.raw_object
        elif entry.fault == "duplicate_across_objects":
            assert home != entry.raw_object
        elif entry.fault == "duplicate_across_days":
            assert home.split("/")[1] < entry.raw_object.split("/")[1]


def test_clocks_that_are_years_off_are_filed_by_arrival(
    decoded: list[tuple[SimulatedObject, Decoded]],
) -> None:
    off = {"clock_ahead", "clock_behind"}
    for each, result in decoded:
        expected = {e.raw_record for e in each.manifest if e.fault in off}
        rows = [
            row
            for table in result.tables.values()
            for row in table.select(["raw_record", "claimed_occurred_at"]).to_pylist()
        ]
        assert {r["raw_record"] for r in rows if r["claimed_occurred_at"]} == expected


def test_unknown_fields_are_kept(decoded: list[tuple[SimulatedObject, Decoded]]) -> None:
    for each, result in decoded:
        expected = {e.raw_record for e in each.manifest if e.fault.startswith("unknown_field")}
        rows = [
            row
            for table in result.tables.values()
            for row in table.select(["raw_record", "extras"]).to_pylist()
        ]
        assert {r["raw_record"] for r in rows if r["extras"]} == expected


def test_one_day_has_no_duplicates_across_days() -> None:
    day = simulate(DECLARATIONS, events=5_000, days=1, seed=1, start=START, faults=True)
    assert not any(e.fault == "duplicate_across_days" for each in day for e in each.manifest)
