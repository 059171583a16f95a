"""A replay from an archive, started and followed by the command line against a stand-in of EventBridge."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from commands import DONE, WRONG_USE, lake_command

from lakehouse._aws import client
from lakehouse.lake import Lake


def test_a_replay_is_started_and_followed_by_the_command_line(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    events = client("events")
    bus = events.create_event_bus(Name="shop")["EventBusArn"]
    archive = events.create_archive(ArchiveName="shop", EventSourceArn=bus)["ArchiveArn"]
    day = dt.date(2026, 11, 1)
    span = ("--from", str(day), "--to", str(day + dt.timedelta(days=1)))
    named = ("--archive", archive, "--bus", bus)
    started = lake_command("archive", "start", "again-1", "--lake", lake.root, *named, *span)
    assert started.returncode == DONE, started.stderr
    assert events.describe_replay(ReplayName="again-1")["EventStartTime"].date() == day
    followed = lake_command("archive", "follow", "again-1")
    assert (followed.returncode, "completed" in followed.stderr) == (DONE, True), followed.stderr
    assert lake_command("archive", "reconcile", "again-1", "--lake", lake.root).returncode == DONE
    unknown = lake_command("archive", "reconcile", "again-2", "--lake", lake.root)
    assert (unknown.returncode, "was started here" in unknown.stderr) == (WRONG_USE, True)
