from __future__ import annotations

from pathlib import Path

import pytest

from local_athena import distribution
from local_athena.errors import SetupError


def stand_in(folder: Path, script: str) -> None:
    """A program `mvn` of that folder."""
    folder.mkdir()
    program = folder / "mvn"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)


def test_without_maven_it_says_in_one_line_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="install Maven") as raised:
        distribution.trino(tmp_path / "cache")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "cache").exists()


def test_where_maven_fails_it_says_in_one_line_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", "echo first; echo '[ERROR] out of reach'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    with pytest.raises(SetupError, match=r"could not be fetched through Maven.*out of reach") as raised:
        distribution.trino(tmp_path / "cache")
    assert "\n" not in str(raised.value)


def test_what_was_fetched_in_part_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = tmp_path / "cache" / f"trino-{distribution.VERSION}" / "lib"
    half.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError):
        distribution.trino(tmp_path / "cache")


def test_identical_jars_are_kept_once(tmp_path: Path) -> None:
    for name, content in (("a", b"same"), ("b", b"same"), ("c", b"else")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "it.jar").write_bytes(content)
    distribution.link_identical(tmp_path)
    inodes = [(tmp_path / name / "it.jar").stat().st_ino for name in "abc"]
    assert inodes[0] == inodes[1] != inodes[2]
    assert (tmp_path / "b" / "it.jar").read_bytes() == b"same"
