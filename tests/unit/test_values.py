from __future__ import annotations

import datetime as dt
import gzip
import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa
import pytest

from contracts.events import EventVersion
from contracts.fields import Field, Kind
from tests.records import DECLARATIONS, GONE, HOUR, VERSIONS, edited, event, latest, line, valid_samples
from transforms.decode import Decoded, Decoder
from transforms.values import ValueReader

TIME = re.compile(r"(\d+-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?(?:([Zz])|([+-]\d\d:\d\d))")
DECODER = Decoder(DECLARATIONS)


def reader(version: EventVersion) -> ValueReader:
    return ValueReader(DECLARATIONS.envelope, version)


def expected(value: Any, field: Field) -> Any:
    """What should stand in the cell, by `json`, `Decimal` and arithmetic alone."""
    if value is None:
        return None
    if field.kind is Kind.OBJECT:
        return {f.name: expected(value.get(f.name), f) for f in field.members}
    if field.kind is Kind.ARRAY and field.element is not None:
        return [expected(item, field.element) for item in value]
    return SCALARS[field.kind](value) if field.kind in SCALARS else value


def expected_date(text: str) -> dt.date:
    return dt.date(*map(int, text.split("-")))


def expected_time(text: str) -> dt.datetime:
    day, clock, fraction, _, offset = TIME.fullmatch(text).groups()  # type: ignore[union-attr]
    numbers = [int(part) for part in (*day.split("-"), *clock.split(":"))]
    micros = (Decimal(fraction or 0) * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP)
    found = dt.datetime(*numbers, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(micros))  # type: ignore[arg-type, misc]
    hours, minutes = (int(offset[1:3]), int(offset[4:])) if offset else (0, 0)
    sign = -1 if offset and offset[0] == "-" else 1
    return (found - sign * dt.timedelta(hours=hours, minutes=minutes)).replace(tzinfo=None)


SCALARS: dict[Kind, Callable[[Any], Any]] = {
    Kind.MONEY: Decimal,
    Kind.RATE: Decimal,
    Kind.NUMBER: float,
    Kind.DATE: expected_date,
    Kind.DATE_TIME: expected_time,
}


def expected_rows(records: list[dict[str, Any]], version: EventVersion) -> list[dict[str, Any]]:
    rows = []
    for made in records:
        detail = made["detail"]
        metadata = {
            f.name: expected(detail["metadata"].get(f.name), f) for f in DECLARATIONS.envelope.columns_before
        }
        data = {f.name: expected(detail.get(f.name), f) for f in version.fields}
        rows.append(
            {**metadata, **data, "source": made["source"], "ingested_at": expected_time(made["time"])}
        )
    return rows


def assert_values(records: list[dict[str, Any]], version: EventVersion) -> None:
    lines = [line(made) for made in records]
    wanted = expected_rows(records, version)
    assert reader(version).read(lines).to_pylist() == wanted
    assert reader(version).read_slowly(lines).to_pylist() == wanted


def decoded(*lines: bytes) -> Decoded:
    return DECODER.decode([(f"{HOUR}/a.json.gz", gzip.compress(b"\n".join(lines)))])


def moment(**fields: str) -> bytes:
    """A rate whose metadata and data hold these times."""
    made = event("fx_rate_published")
    for name, text in fields.items():
        at = f"detail.metadata.{name}" if name != "published_at" else "detail.published_at"
        made = edited(made, at, json.dumps(text))
    return line(made)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"{v.event_type}-v{v.version}")
def test_both_readers_give_every_cell_of_every_sample(version: EventVersion) -> None:
    assert_values(list(valid_samples(version)), version)


def test_both_readers_give_the_same_types() -> None:
    for version in VERSIONS:
        lines = [line(made) for made in valid_samples(version)]
        assert reader(version).read(lines).schema == reader(version).read_slowly(lines).schema


@pytest.mark.parametrize(
    ("at", "put"),
    [
        ("customer_id", '"\\u0000\\ud83d\\ude00 \\"\\\\ \\u2028 é"'),
        ("customer_id", '"null"'),
        ("customer_id", "null"),
        ("customer_id", GONE),
        ("loyalty_points_earned", "-9223372036854775808"),
        ("loyalty_points_earned", "9223372036854775807"),
        ("total_amount", '"-99999999999999.9999"'),
        ("total_amount", '"00000000000000.5"'),
        ("total_amount", '"-0"'),
        ("business_date", '"0001-01-01"'),
        ("business_date", '"9999-12-31"'),
        ("lines.0.weight_grams", "1.7976931348623157e308"),
        ("lines.0.weight_grams", "0.1"),
        ("lines.0.weight_grams", "12345678901234567890123"),
        ("lines.0.weight_grams", "5e-324"),
        ("lines.0.tax_rate", '"99999999.9999999999"'),
        ("lines.0.promotion_ids", "[]"),
        ("lines.0.promotion_ids", '["a", "b", "a"]'),
        ("tenders", "null"),
    ],
)
def test_both_readers_give_values_at_the_edges(at: str, put: str) -> None:
    plain = event("sale_completed")
    assert_values([plain, edited(plain, f"detail.{at}", put), plain], latest("sale_completed"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T09:30:00Z", "2026-11-01T09:30:00.1Z", "2026-11-01T09:30:00.000001Z", "2026-11-01T09:30:00+02:00",
        "2026-11-01T00:30:00.25+23:59", "2026-11-01T23:30:00-00:30", "2026-11-01T09:30:00-00:00", "1600-02-29T00:00:00Z",
    ],
)  # fmt: skip
def test_both_readers_give_times_as_utc(text: str) -> None:
    assert_values([json.loads(moment(published_at=text, sent_at=text))], latest("fx_rate_published"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T09:30:00.123456789Z", "2026-11-01T09:30:00.1234564999Z", "2026-11-01T09:30:00.1234565Z",
        "2026-12-31T23:59:59.9999999Z", "2026-11-01t09:30:00z", "2026-11-01t09:30:00.5+01:00",
    ],
)  # fmt: skip
def test_times_that_arrow_does_not_read_are_read_from_structs(text: str) -> None:
    odd, plain = moment(published_at=text), moment()
    with pytest.raises(pa.ArrowInvalid):
        reader(latest("fx_rate_published")).read([plain, odd])
    rows = decoded(plain, odd, plain).tables["fx_rate_published"]
    usual = expected_time("2026-11-01T09:30:00.250000Z")
    assert rows["published_at"].to_pylist() == [usual, expected_time(text), usual]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
@pytest.mark.parametrize("field", ["published_at", "sent_at", "occurred_at"])
def test_a_time_that_its_offset_takes_out_of_the_calendar_stays_in_it(field: str, text: str) -> None:
    rows = decoded(moment(**{field: text})).tables["fx_rate_published"]
    column = "claimed_occurred_at" if field == "occurred_at" else field
    assert rows[column].to_pylist() == [expected_time(text[:19] + "Z")]


REPEATED = {
    "a data field": (b'"provider":', b'"provider": "x", "provider":'),
    "a data field, once escaped": (b'"provider":', b'"\\u0070rovider": "x", "provider":'),
    "a metadata field": (b'"event_id":', b'"event_id": "e-0", "event_id":'),
    "a metadata field that is no column": (
        b'"event_type":',
        b'"event_type": "fx_rate_published", "event_type":',
    ),
    "an envelope field": (b'"time":', b'"time": "2026-11-01T09:30:00Z", "time":'),
    "an envelope field that is no column": (b'"id":', b'"account": null, "account": null, "id":'),
    "the event type": (b'"detail-type":', b'"detail-type": "fx_rate_published", "detail-type":'),
    "the data": (b'"detail": {"m', b'"detail": {}, "detail": {"m'),
    "a mark of a replay": (b'"event_id":', b'"replay": {"replay_id": "a", "replay_id": "b"}, "event_id":'),
}


@pytest.mark.parametrize("what", REPEATED)
def test_a_record_in_which_a_key_stands_twice_is_rejected_and_its_neighbours_are_not(what: str) -> None:
    once, twice = REPEATED[what]
    repeated = moment().replace(once, twice, 1)
    assert repeated != moment()
    found = decoded(moment(), repeated, moment(sent_at="2026-11-01t09:30:00z"))
    assert found.tables["fx_rate_published"]["raw_record"].to_pylist() == [0, 2]
    assert found.rejected["error_type"].to_pylist() in (["duplicate_key"], ["missing_field"])
    assert found.rejected["record"].to_pylist() == [repeated]
