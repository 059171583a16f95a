from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import HeldError, UsageError
from lakehouse.records import FileRecords
from lakehouse.releases import Move, Release, Releases

ROOT = Path(__file__).parents[2]
RACER = """
import sys, time
from pathlib import Path
from contracts.errors import HeldError
from lakehouse.records import FileRecords
from lakehouse.releases import Release, Releases
folder, name = Path(sys.argv[1]), sys.argv[2]
(folder / name).touch()
while len(list(folder.glob("racer-*"))) < 2:
    pass
for number in range(1, 41):
    try:
        Releases(FileRecords(folder)).claim(Release(number=number, run_id=name, verb="curate", created_at=""))
        print(number)
    except HeldError:
        pass
"""


def release(number: int, run_id: str = "r") -> Release:
    moves = {"curated.order_placed": Move(None, 7)}
    return Release(
        number=number, run_id=run_id, verb="curate", created_at="2026-11-01T00:00:00Z", moves=moves
    )


def test_a_new_lake_has_no_release(tmp_path: Path) -> None:
    releases = Releases(FileRecords(tmp_path))
    assert (releases.latest(), releases.unfinished(), list(releases.since(0))) == (None, None, [])


def test_a_release_is_read_as_it_was_written(tmp_path: Path) -> None:
    Releases(FileRecords(tmp_path)).complete(release(1))
    assert Releases(FileRecords(tmp_path)).latest() == Releases(FileRecords(tmp_path)).get(1) == release(1)


def test_the_latest_is_the_greatest_number_and_not_the_last_in_the_alphabet(tmp_path: Path) -> None:
    for number in (10, 9, 100, 99):
        Releases(FileRecords(tmp_path)).complete(release(number))
    found = Releases(FileRecords(tmp_path)).latest()
    assert found is not None
    assert found.number == 100
    assert [r.number for r in Releases(FileRecords(tmp_path)).since(9)] == [10, 99, 100]


def test_a_release_that_is_not_there_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lake status"):
        Releases(FileRecords(tmp_path)).get(3)


def test_a_number_is_claimed_once(tmp_path: Path) -> None:
    Releases(FileRecords(tmp_path)).claim(release(1, "first"))
    with pytest.raises(HeldError, match="nothing of run second was") as caught:
        Releases(FileRecords(tmp_path)).claim(release(1, "second"))
    assert caught.value.exit_code == 3
    assert [p.name for p in (tmp_path / "claims").iterdir()] == ["0000000001.json"]


def test_a_rival_that_claims_in_the_last_moment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = tmp_path / "claims" / "0000000001.json"

    def after_the_rival(place: Callable[..., Any]) -> Callable[..., Any]:
        def placing(*arguments: Any) -> Any:
            claim.write_bytes(b"the rival's")
            return place(*arguments)

        return placing

    for name in ("link", "rename", "replace"):  # whatever puts the file in its place
        monkeypatch.setattr(os, name, after_the_rival(getattr(os, name)))
    with pytest.raises(HeldError):
        Releases(FileRecords(tmp_path)).claim(release(1))
    assert claim.read_bytes() == b"the rival's"


def test_a_claim_is_unfinished_until_its_release_is_written(tmp_path: Path) -> None:
    releases = Releases(FileRecords(tmp_path))
    releases.claim(release(1))
    assert releases.unfinished() == release(1)
    assert releases.latest() is None
    releases.complete(release(1))
    assert releases.unfinished() is None


def test_only_the_newest_claim_can_be_unfinished(tmp_path: Path) -> None:
    releases = Releases(FileRecords(tmp_path))
    for number in (1, 2):
        releases.claim(release(number))
        releases.complete(release(number))
    releases.claim(release(3))
    assert releases.unfinished() == release(3)


def test_completing_again_is_harmless(tmp_path: Path) -> None:
    for _ in range(2):
        Releases(FileRecords(tmp_path)).complete(release(1))
    assert Releases(FileRecords(tmp_path)).get(1) == release(1)


def test_of_two_processes_exactly_one_wins_each_number(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", RACER, str(tmp_path), name] for name in ("racer-a", "racer-b")]
    racers = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True, cwd=ROOT) for c in commands]
    won = [[int(number) for number in racer.communicate(timeout=60)[0].split()] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert sorted(won[0] + won[1]) == list(range(1, 41))
    claims = sorted((tmp_path / "claims").glob("*.json"))
    assert [
        f"racer-{'a' if n in won[0] else 'b'}" in path.read_text() for n, path in enumerate(claims, 1)
    ] == [True] * 40
