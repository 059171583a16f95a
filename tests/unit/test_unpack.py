from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.unpack import Unpacked, unpack

ONE, TWO, THREE = b'{"a":1}', b'{"b":"}{"}', b'{"c":[]}'
LINES = b"\n".join((ONE, TWO, THREE)) + b"\n"


def noisy(records: int) -> bytes:
    """Lines that hardly compress, so that a cut or a flipped byte is somewhere in the middle."""
    return b"".join(b'{"n":"%s"}\n' % os.urandom(40).hex().encode() for _ in range(records))


def reasons(found: Unpacked) -> list[str]:
    return [piece.error_type for piece in found.unreadable]


def assert_given_up(found: Unpacked, error_type: str, kept: bytes) -> None:
    assert (found.problem, reasons(found)) == (error_type, [error_type])
    assert found.unreadable[0].data == kept


def test_lines_become_records_in_order() -> None:
    assert unpack(gzip.compress(LINES)) == Unpacked([ONE, TWO, THREE])


def test_the_last_line_needs_no_line_feed() -> None:
    assert unpack(gzip.compress(LINES[:-1])) == unpack(gzip.compress(LINES))


def test_a_file_of_no_bytes_is_an_empty_object() -> None:
    assert unpack(b"") == Unpacked(problem="empty_object")


def test_a_member_of_no_bytes_holds_no_records_and_is_no_problem() -> None:
    assert unpack(gzip.compress(b"")) == Unpacked()


def test_a_blank_line_is_a_record_so_that_nothing_vanishes() -> None:
    assert unpack(gzip.compress(ONE + b"\n\n" + TWO)).records == [ONE, b"", TWO]


def test_several_members_are_read_on() -> None:
    assert unpack(gzip.compress(ONE + b"\n") + gzip.compress(TWO)).records == [ONE, TWO]


def test_a_record_may_go_across_members() -> None:
    assert unpack(gzip.compress(LINES[:12]) + gzip.compress(LINES[12:])).records == [ONE, TWO, THREE]


def test_zeros_after_the_last_member_are_padding() -> None:
    assert unpack(gzip.compress(ONE) + bytes(512)) == Unpacked([ONE])


def test_a_file_of_zeros_is_corrupt_and_not_empty() -> None:
    assert_given_up(unpack(bytes(512)), "corrupt_object", bytes(512))


@pytest.mark.parametrize("data", [LINES, b"PK\x03\x04" + bytes(30), b"\x1f\x8b\x07" + bytes(30)])
def test_what_is_no_gzip_is_kept_whole(data: bytes) -> None:
    assert_given_up(unpack(data), "corrupt_object", data)


def test_a_truncated_object_keeps_its_readable_records_and_the_start_of_the_next() -> None:
    text = noisy(100)
    found = unpack(gzip.compress(text)[:-2000])
    assert (found.truncated, found.problem, found.unreadable) == (True, "truncated_object", [])
    assert len(found.records) > 40
    assert text.startswith(b"\n".join(found.records))


def test_an_object_cut_before_its_first_record_is_kept_whole() -> None:
    cut = gzip.compress(LINES)[:9]
    assert_given_up(unpack(cut), "truncated_object", cut)


@given(st.integers(0, 2000))
def test_wherever_an_object_is_cut_what_is_read_is_its_start(at: int) -> None:
    text = LINES * 20
    whole = gzip.compress(text)
    found = unpack(whole[:at])
    assert text.startswith(b"\n".join(found.records))
    assert found.problem == (None if at >= len(whole) else "truncated_object" if at else "empty_object")


@pytest.mark.parametrize("part", [-8, -4], ids=["CRC", "length"])
def test_a_member_whose_check_fails_is_kept_whole(part: int) -> None:
    data = bytearray(gzip.compress(LINES))
    data[part] ^= 0xFF
    found = unpack(bytes(data))
    assert found.records == []
    assert_given_up(found, "corrupt_object", bytes(data))


def test_a_member_that_is_corrupt_in_the_middle_is_kept_whole_with_all_that_follows() -> None:
    bad = bytearray(gzip.compress(noisy(200)))
    bad[len(bad) // 2] ^= 0xFF
    rest = bytes(bad) + gzip.compress(THREE)
    found = unpack(gzip.compress(ONE + b"\n" + TWO + b"\n") + rest)
    assert found.records == [ONE, TWO]
    assert_given_up(found, "corrupt_object", rest)


def test_an_object_that_unpacks_to_more_than_its_limit_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    assert_given_up(unpack(bomb, max_bytes=1000), "decompression_bomb", bomb)


def test_the_limit_holds_for_all_members_together() -> None:
    member = gzip.compress(LINES)
    assert reasons(unpack(member * 2, max_bytes=2 * len(LINES))) == []
    found = unpack(member * 2, max_bytes=2 * len(LINES) - 1)
    assert found.records == [ONE, TWO, THREE]
    assert_given_up(found, "decompression_bomb", member)


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (ONE + TWO + THREE, [ONE, TWO, THREE]),
        (ONE + TWO + b"\n" + THREE, [ONE, TWO, THREE]),
        (TWO, [TWO]),
        (b'{"q":"\\"}{"}' + ONE, [b'{"q":"\\"}{"}', ONE]),
        (ONE + b'{"b":', [ONE, b'{"b":']),
        (ONE + b'{"b":\xff}' + THREE, [ONE, b'{"b":\xff}' + THREE]),
        (ONE + b'{"b":"\xff"}' + THREE, [ONE, b'{"b":"\xff"}', THREE]),
        (ONE + b'{"b":"\xc3', [ONE, b'{"b":"\xc3']),
        (b"\n".join((ONE, b"[}{", THREE)), [ONE, b"[}{", THREE]),
    ],
    ids=[
        "joined by Firehose", "joined in one of two lines", "joined only inside a string", "joined after an escaped quote",
        "joined and cut", "joined to one that is no JSON", "joined to one that is no UTF-8", "joined and cut inside a letter",
        "joined in a line that is no JSON",
    ],
)  # fmt: skip
def test_records_without_line_feeds_are_parted_where_they_meet(text: bytes, records: list[bytes]) -> None:
    assert unpack(gzip.compress(text)).records == records


@given(
    st.lists(st.sampled_from([ONE, TWO, THREE, b"{}", b"}{", b"\xff}{", b'"}{"']), max_size=6),
    st.sampled_from([b"", b"\n"]),
)
def test_parting_loses_and_makes_no_byte(pieces: list[bytes], between: bytes) -> None:
    text = between.join(pieces)
    assert b"".join(unpack(gzip.compress(text)).records) == text.replace(b"\n", b"")
