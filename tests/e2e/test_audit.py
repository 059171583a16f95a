"""Who looks at clear personal data is noted; who looks at anything else is not."""

from __future__ import annotations

import datetime as dt
import getpass
from typing import Any

import pytest
from commands import DONE, answer, lake_command
from records import event, put_raw

from lakehouse.lake import Lake
from pipeline.audit import looks, note_look
from pipeline.curate import curate

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("words", "noted"),
    [
        (["sql", "select count(*) from platform.quarantine as q"], ["platform.quarantine"]),
        (["sql", "select 1; select value from PLATFORM.personal_values"], ["platform.personal_values"]),
        (["sql", "with r as (select * from raw.records) select count(*) from r"], ["raw.records"]),
        (["quarantine", "show"], ["platform.quarantine"]),
        (["sql", "select raw_object from curated.page_viewed"], None),
        (["quarantine", "list"], None),
    ],
)
def test_a_look_is_noted_where_clear_values_are(
    lake: Lake, words: list[str], noted: list[str] | None
) -> None:
    put_raw(lake, "a", event(), event(event_id="e-2", page_url=7))
    curate(lake)
    assert lake_command(*words, "--lake", lake.root).returncode == DONE
    found = answer("audit", "--lake", lake.root)
    assert [each["what"] for each in found] == ([noted] if noted else [])
    assert all(each["who"].startswith(f"{getpass.getuser()}@") for each in found)


def test_where_the_machine_knows_no_name_the_user_s_number_is_noted(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> Any:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", unknown)
    note_look(lake, "sql", ["platform.quarantine"], NOON)
    assert [each.who.startswith("user ") for each in looks(lake)] == [True]
