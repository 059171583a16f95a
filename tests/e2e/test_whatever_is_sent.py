from __future__ import annotations

import gzip
from itertools import count

import pyarrow as pa
import pytest
from arbitrary import ODD_LINES, lines, objects, texts
from holdings import assert_conserved, newest
from hypothesis import HealthCheck, given, settings
from records import DECLARATIONS, HOUR, VALIDATOR

from contracts.validation import Reading, Rejection
from lakehouse.lake import Lake
from pipeline.curate import curate
from transforms.decode import Decoded, Decoder

DECODER = Decoder(DECLARATIONS)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
NUMBERS = count()


def decode(data: bytes) -> Decoded:
    return DECODER.decode([(f"{HOUR}/some.json.gz", data)])


@given(line=lines())
@settings(max_examples=300, suppress_health_check=SLOW)
def test_every_record_gets_a_verdict(line: bytes) -> None:
    verdict = VALIDATOR.read(line)
    assert isinstance(verdict, Reading | Rejection)
    if isinstance(verdict, Rejection):
        assert verdict.error_type != "contract_violation"
        assert verdict.message


@given(data=objects())
@settings(max_examples=150, suppress_health_check=SLOW)
def test_records_of_any_object_become_rows_or_are_rejected(data: bytes) -> None:
    decoded = decode(data)
    rows = sum(len(table) for table in decoded.tables.values())
    assert decoded.objects[0].records == rows + len(decoded.rejected)
    numbers = [n for t in (*decoded.tables.values(), decoded.rejected) for n in t["raw_record"].to_pylist()]
    assert sorted(numbers) == list(range(decoded.objects[0].records))


@given(text=texts())
@settings(max_examples=100, suppress_health_check=SLOW)
def test_a_record_is_decoded_as_the_validator_says_whatever_its_neighbours(text: bytes) -> None:
    whole = decode(gzip.compress(text))
    if b"}{" in text or not text:
        return
    verdicts = [VALIDATOR.read(line) for line in text.removesuffix(b"\n").split(b"\n")]
    expected = [v.error_type if isinstance(v, Rejection) else None for v in verdicts]
    rejected = dict(
        zip(whole.rejected["raw_record"].to_pylist(), whole.rejected["error_type"].to_pylist(), strict=True)
    )
    assert [rejected.get(number) for number in range(whole.objects[0].records)] == expected


@given(first=objects(), second=objects(), third=objects())
@settings(max_examples=60, suppress_health_check=SLOW)
def test_a_batch_is_decoded_as_its_objects_are_one_by_one(first: bytes, second: bytes, third: bytes) -> None:
    named = [(f"{HOUR}/{n}.json.gz", data) for n, data in enumerate((first, second, b"", third))]
    whole, parts = DECODER.decode(named), [DECODER.decode([each]) for each in named]
    assert whole.objects == [found for part in parts for found in part.objects]
    assert whole.rejected.equals(pa.concat_tables([part.rejected for part in parts]))
    names = {name for part in parts for name in part.tables}
    assert set(whole.tables) == names
    for name in names:
        rows = [part.tables[name].to_pylist() for part in parts if name in part.tables]
        by_place = sorted(whole.tables[name].to_pylist(), key=lambda r: (r["raw_object"], r["raw_record"]))
        assert by_place == sorted(
            (row for part in rows for row in part), key=lambda r: (r["raw_object"], r["raw_record"])
        )


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that takes object after object, so that each meets the events of those before."""
    return Lake.create(tmp_path_factory.mktemp("whatever") / "lake")


@given(data=objects())
@settings(max_examples=15, suppress_health_check=SLOW)
def test_whatever_lands_in_raw_is_curated_and_accounted_for(crowded: Lake, data: bytes) -> None:
    crowded.store.write(f"{HOUR}/object-{next(NUMBERS)}.json.gz", data)
    curate(crowded)
    assert_conserved(crowded)
    before = newest(crowded)
    assert curate(crowded).releases == []
    assert newest(crowded) == before


def test_all_odd_lines_at_once(lake: Lake) -> None:
    lake.store.write(f"{HOUR}/odd.json.gz", gzip.compress(b"\n".join(ODD_LINES)))
    curate(lake)
    assert_conserved(lake)
