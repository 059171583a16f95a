from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from contracts.events import EventType, EventVersion, Lift
from contracts.fields import Field, Kind
from contracts.samples import record
from tests.records import DECLARATIONS, HOUR, line
from transforms.decode import Decoder
from transforms.lift import lift


def version(number: int, *fields: Field, lifts: tuple[Lift, ...] = ()) -> EventVersion:
    return EventVersion(
        "thing_happened", number, "d", "o", "text", "grain", "code", fields, lifts, Path("v.yaml")
    )


CODE_1 = Field("code", Kind.INTEGER)
CODE_2 = Field("code", Kind.STRING)
PLACE = Field("place", Kind.STRING)
FLAG = Field("is_checked", Kind.BOOLEAN)
AMOUNT = Field("amount", Kind.MONEY)
EVENT = EventType(
    "thing_happened",
    (
        version(1, CODE_1, Field("spot", Kind.STRING)),
        version(2, CODE_2, PLACE, lifts=(Lift("code", "code", Kind.STRING), Lift("place", "spot"))),
        version(3, CODE_2, PLACE, FLAG, AMOUNT, lifts=(Lift("is_checked", constant=False),)),
    ),
)
FIRST = pa.table({"event_id": ["e"], "code": pa.array([51], pa.int64()), "spot": ["till"]})


def test_a_row_goes_through_the_lifts_of_every_later_version() -> None:
    assert lift(FIRST, EVENT, 1).to_pylist() == [
        {"event_id": "e", "code": "51", "place": "till", "is_checked": False, "amount": None}
    ]


def test_a_lifted_table_has_the_types_of_the_newest_version() -> None:
    types = [pa.string(), pa.string(), pa.string(), pa.bool_(), pa.decimal128(18, 4)]
    assert lift(FIRST, EVENT, 1).schema.types == types


def test_a_row_of_the_newest_version_is_left_as_it_is() -> None:
    newest = lift(FIRST, EVENT, 1)
    assert lift(newest, EVENT, 3) == newest


def test_a_row_of_the_version_between_goes_through_one_lift() -> None:
    between = pa.table({"event_id": ["e"], "code": ["R1"], "place": ["shop"]})
    assert lift(between, EVENT, 2)["code"].to_pylist() == ["R1"]
    assert lift(between, EVENT, 2)["is_checked"].to_pylist() == [False]


def test_no_rows_lift_to_no_rows() -> None:
    assert lift(FIRST.slice(0, 0), EVENT, 1).num_rows == 0


@pytest.mark.parametrize(("code", "lifted"), [(51, "51"), (0, "0"), (2**63 - 1, "9223372036854775807")])
def test_a_payment_failed_of_version_1_becomes_a_row_with_a_code_in_text(code: int, lifted: str) -> None:
    old, new = DECLARATIONS.event("payment_failed").versions
    first, second = record(DECLARATIONS, old), record(DECLARATIONS, new)
    first["detail"]["failure_code"] = code
    found = Decoder(DECLARATIONS).decode(
        [(f"{HOUR}/a.json.gz", gzip.compress(line(first) + b"\n" + line(second)))]
    )
    rows = {row["raw_record"]: row for row in found.tables["payment_failed"].to_pylist()}
    assert [(rows[n]["schema_version"], rows[n]["failure_code"]) for n in (0, 1)] == [
        (1, lifted),
        (2, "failure_code-1"),
    ]
    same = set(rows[0]) - {"schema_version", "failure_code", "raw_record", "payload_hash"}
    assert {name: rows[0][name] for name in same} == {name: rows[1][name] for name in same}
