"""While a lake is paused no run begins, the door stays open, and nothing is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from commands import DONE, HELD, answer, lake_command
from holdings import ask, assert_conserved
from records import event, put_raw

from contracts.errors import HeldError
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.pause import pause, resume

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize("verb", ["run", "curate", "derive", "build"])
def test_no_run_begins_until_somebody_resumes(verb: str, tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    put_raw(lake, "a", event())
    paused = lake_command("pause", "--lake", lake.root, "--reason", "Prices are being looked into.")
    assert paused.returncode == DONE
    refused = lake_command(verb, "--lake", lake.root)
    assert (refused.returncode, "Prices are being looked into. `lake resume`" in refused.stderr) == (
        HELD,
        True,
    )
    assert lake.releases.latest() is None
    assert any(
        "Prices are being looked into." in note for note in answer("status", "--lake", lake.root)["notes"]
    )
    assert lake_command("resume", "--lake", lake.root).returncode == DONE
    assert "was not paused" in lake_command("resume", "--lake", lake.root).stderr
    curate(lake)
    assert_conserved(lake)


def test_a_run_under_way_ends_with_its_slice_and_the_rest_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.create(tmp_path / "lake")
    monkeypatch.setattr("lakehouse.engine.LocalEngine.slice_bytes", 1)
    for n in range(3):
        put_raw(lake, f"o{n}", event(event_id=f"e-{n}"))

    def after_the_first(what: str, done: int, _total: int) -> None:
        if (what, done) == ("objects decoded", 1) and not lake.releases.latest():
            pause(lake, "Enough.", NOW)

    with pytest.raises(HeldError, match="Enough"):
        curate(lake, progress=after_the_first)
    assert len(ask(lake, "select * from curated.page_viewed")) == 1
    resume(lake)
    curate(lake)
    assert len(ask(lake, "select * from curated.page_viewed")) == 3
    assert_conserved(lake)
