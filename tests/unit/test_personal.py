"""Personal values become pseudonyms in the row, and stand apart in the clear."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from contracts.errors import HeldError, StorageError, UsageError
from contracts.fields import Field, Kind
from contracts.pseudonym_keys import KeysInForce, PseudonymKey
from lakehouse.arrow_types import arrow_schema
from lakehouse.pseudonym_keys import FILE, PseudonymKeys
from lakehouse.records import FileRecords
from transforms.personal import Parted, has_personal, part_personal

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
FIRST = PseudonymKey("k1", b"1" * 32, NOW)
SECOND = PseudonymKey("k2", b"2" * 32, NOW, NOW + dt.timedelta(days=30))
IN_FORCE = KeysInForce(FIRST)


def text(name: str, pii: str | None = None) -> Field:
    return Field(name, Kind.STRING, nullable=True, pii=pii)


NAME, STREET, CITY = text("name", "direct"), text("street", "direct"), text("city", "quasi")
ADDRESS = Field("address", Kind.OBJECT, nullable=True, members=(STREET, CITY))
PARCEL = Field("element", Kind.OBJECT, members=(text("signed_by", "direct"), text("number")))
PARCELS = Field("parcels", Kind.ARRAY, nullable=True, element=PARCEL)
NICKS = Field("nicks", Kind.ARRAY, nullable=True, element=text("element", "direct"))
FIELDS = (NAME, ADDRESS, PARCELS, NICKS, text("note"))


def parted(*rows: dict[str, Any], keys: KeysInForce = IN_FORCE) -> Parted:
    addressed = [
        {
            "event_id": f"e-{n}",
            "occurred_at": NOW.replace(tzinfo=None),
            "raw_object": "a",
            "raw_record": n,
            **row,
        }
        for n, row in enumerate(rows)
    ]
    address = [("event_id", pa.string()), ("occurred_at", pa.timestamp("us")), ("raw_object", pa.string()), ("raw_record", pa.int64())]  # fmt: skip
    table = pa.Table.from_pylist(addressed, schema=pa.schema([*address, *arrow_schema(FIELDS)]))
    return part_personal(table, "thing_done", FIELDS, keys)


def clear(found: Parted) -> set[tuple[str, str, str]]:
    return {(row["event_id"], row["field"], row["value"]) for row in found.personal.to_pylist()}


ROWS: tuple[dict[str, Any], ...] = (
    {"name": "Kim", "address": {"street": "Way 1", "city": "Bonn"}, "note": "Kim"},
    {"name": None, "address": None, "parcels": None, "nicks": None},
    {"name": "Kim", "address": {"street": None, "city": "Köln"}, "parcels": [], "nicks": ["k", None, "K"]},
    {"name": "", "parcels": [{"signed_by": "Bo", "number": "1"}, {"signed_by": None, "number": "2"}, None, {"signed_by": "Kim"}]},
)  # fmt: skip


def test_a_value_is_replaced_wherever_it_stands_and_nothing_else_is() -> None:
    kim, bo, way = (FIRST.pseudonym(each) for each in ("Kim", "Bo", "Way 1"))
    found = parted(*ROWS).table.select([f.name for f in FIELDS]).to_pylist()
    assert found[0] == {"name": kim, "address": {"street": way, "city": "Bonn"}, "parcels": None, "nicks": None, "note": "Kim"}  # fmt: skip
    assert found[1] == {"name": None, "address": None, "parcels": None, "nicks": None, "note": None}
    assert found[2]["address"] == {"street": None, "city": "Köln"}
    assert (found[2]["parcels"], found[2]["nicks"]) == (
        [],
        [FIRST.pseudonym("k"), None, FIRST.pseudonym("K")],
    )
    assert [each and each["signed_by"] for each in found[3]["parcels"]] == [bo, None, None, kim]
    assert [each and each["number"] for each in found[3]["parcels"]] == ["1", "2", None, None]


def test_the_clear_values_stand_apart_with_their_rows() -> None:
    found = parted(*ROWS)
    assert clear(found) == {
        ("e-0", "name", "Kim"), ("e-0", "address.street", "Way 1"),
        ("e-2", "name", "Kim"), ("e-2", "nicks", "k"), ("e-2", "nicks", "K"),
        ("e-3", "name", ""), ("e-3", "parcels.signed_by", "Bo"), ("e-3", "parcels.signed_by", "Kim"),
    }  # fmt: skip
    for row in found.personal.to_pylist():
        assert row["pseudonym"] == FIRST.pseudonym(row["value"])
        assert (row["event_type"], row["raw_object"], row["raw_record"]) == (
            "thing_done",
            "a",
            int(row["event_id"][2:]),
        )


def test_a_part_of_a_table_is_as_good_as_a_whole() -> None:
    whole = parted(*ROWS)
    sliced = part_personal(pa.concat_tables([_clear_rows().slice(0, 2), _clear_rows().slice(2)]), "thing_done", FIELDS, IN_FORCE)  # fmt: skip
    assert sliced.table.to_pylist() == whole.table.to_pylist()
    last = part_personal(_clear_rows().slice(2), "thing_done", FIELDS, IN_FORCE)
    assert last.table.to_pylist() == whole.table.slice(2).to_pylist()
    assert clear(last) == {each for each in clear(whole) if each[0] in {"e-2", "e-3"}}


def _clear_rows() -> pa.Table:
    table = parted(*ROWS).table
    names = [f.name for f in FIELDS]
    clean = pa.Table.from_pylist(
        [{n: row.get(n) for n in names} for row in ROWS], schema=arrow_schema(FIELDS)
    )
    for name in names:
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), clean[name])
    return table


def test_rows_without_values_leave_nothing() -> None:
    found = parted({}, {})
    assert (len(found.personal), len(found.bridged)) == (0, 0)
    assert not has_personal((text("note"), CITY))


def test_a_pseudonym_follows_from_key_and_value_alone() -> None:
    assert FIRST.pseudonym("Kim") == FIRST.pseudonym("Kim") != FIRST.pseudonym("kim")
    assert FIRST.pseudonym("Kim") != SECOND.pseudonym("Kim")
    # HMAC-SHA256 of b"Kim" under 32 bytes of "1", first 20 bytes, computed with openssl
    assert FIRST.pseudonym("Kim") == "k1_dcqvwcg2djqgn2khdxjmnnc5aijoczs4"


def test_while_keys_are_bridged_both_pseudonyms_stand_side_by_side() -> None:
    found = parted(*ROWS[:1], keys=KeysInForce(SECOND, FIRST))
    assert found.table["name"].to_pylist() == [SECOND.pseudonym("Kim")]
    pairs = {(row["pseudonym_before"], row["pseudonym"]) for row in found.bridged.to_pylist()}
    assert pairs == {(FIRST.pseudonym(each), SECOND.pseudonym(each)) for each in ("Kim", "Way 1")}
    assert len(parted(*ROWS[:1], keys=KeysInForce(SECOND)).bridged) == 0


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PseudonymKeys:
    monkeypatch.delenv(FILE)
    return PseudonymKeys(FileRecords(tmp_path / "keys"))


def test_a_lake_gets_a_key_of_its_own_and_keeps_it(keys: PseudonymKeys) -> None:
    first = keys.in_force(NOW)
    assert (first.newest.key_id, len(first.newest.key), first.before) == ("k1", 32, None)
    assert keys.in_force(NOW) == first
    assert not keys._write(PseudonymKey("k1", b"x" * 32, NOW))  # noqa: SLF001 two that were first at once
    assert keys.in_force(NOW) == first


def test_after_a_rotation_the_key_before_is_bridged_for_the_time_stated(keys: PseudonymKeys) -> None:
    old = keys.in_force(NOW).newest
    new = keys.rotate(NOW, dt.timedelta(days=30))
    assert keys.in_force(NOW + dt.timedelta(days=29)) == KeysInForce(new, old)
    assert keys.in_force(NOW + dt.timedelta(days=30)) == KeysInForce(new, None)
    third = keys.rotate(NOW, dt.timedelta(days=1))
    assert keys.in_force(NOW) == KeysInForce(third, new)
    assert [key.key_id for key in keys.all()] == ["k1", "k2", "k3"]


def test_of_two_that_rotate_at_once_one_is_told(keys: PseudonymKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.in_force(NOW)
    seen = keys.all()
    keys.rotate(NOW, dt.timedelta(0))
    monkeypatch.setattr(keys, "all", lambda: seen)
    with pytest.raises(HeldError, match="Another key"):
        keys.rotate(NOW, dt.timedelta(0))


def test_keys_may_be_in_a_file_that_the_environment_names(
    keys: PseudonymKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mounted.json"
    monkeypatch.setenv(FILE, str(path))
    with pytest.raises(StorageError, match=r"mounted\.json cannot be read"):
        keys.in_force(NOW)
    for content, message in ((b"{}", "holds no keys"), (b"[]", "holds no key")):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=message):
            keys.in_force(NOW)
    path.write_bytes(msgspec.json.encode([FIRST, SECOND]))
    assert keys.in_force(NOW) == KeysInForce(SECOND, FIRST)
    with pytest.raises(UsageError, match="in the file"):
        keys.rotate(NOW, dt.timedelta(0))
    assert not (tmp_path / "keys").exists()
