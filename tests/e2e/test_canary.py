"""A personal value stays where it was sent: no log, metric, message or summary repeats it, however wrong its record is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, lake_command
from holdings import assert_conserved
from records import DECLARATIONS, edited, line, put_raw, valid_samples
from starlette.testclient import TestClient

from contracts.errors import LakeError
from contracts.events import EventVersion
from contracts.fields import Field
from contracts.mapping import MappingFile
from ingestion.collector import Collector
from ingestion.event_log import EventLog
from ingestion.group_commit import MOST_WAITING, GroupCommit
from ingestion.ingest import ingest
from ingestion.keys import Keys
from ingestion.publisher import Publisher, utc_now
from ingestion.webhooks import Secrets, Webhooks
from lakehouse.lake import Lake
from lakehouse.sql import connect, query, release_of
from pipeline.curate import curate

CANARY = "Kanarienvogel"
WRONG = (json.dumps(CANARY), json.dumps(f"{CANARY} " * 300), json.dumps({CANARY: CANARY}), f'["{CANARY}"]', f'"\\ud800{CANARY}"')  # fmt: skip
"""What may stand in a personal field: the value itself, too much of it, an object, a list, half a surrogate pair."""


DROPS = (
    f"HDR|WMS|W1|20261102|1|1\nDTL|M|S|A|{CANARY}|SHIP|20261102081500|d|l\nTRL|1|1\n",
    f"HDR|WMS|W1|20261102|1|1\nDTL|M|S|A|1|SHIP|{CANARY}|d|l\nTRL|1|1\n",
    f"HDR|WMS|W1|20261102|1|1\n{CANARY}|M|S|A|1|SHIP|20261102081500|d|l\nTRL|1|1\n",
    f"HDR|WMS|W1|20261102|1|1\nDTL|{CANARY}\nTRL|1|1\n",
    f"{CANARY}\n",
    f"HDR|WMS|W1|20261102|1|1\nTRL|0|{CANARY}\n",
)
"""Drops that cannot be taken, each for another reason."""


def personal(fields: tuple[Field, ...], path: str) -> Iterator[str]:
    """Paths of the personal fields, as `edited` takes them; of a list, those of its first item."""
    for field in fields:
        here = f"{path}.{field.name}"
        if field.pii:
            yield here
        inner = field.element or field
        yield from personal(inner.members, f"{here}.0" if field.element else here)


def told(event: EventVersion) -> Iterator[dict[str, Any]]:
    """Records with the canary in each personal field in turn, in every way it may be wrong."""
    full = next(iter(valid_samples(event)))
    for path in personal(event.fields, "detail"):
        for put in WRONG:
            try:
                yield edited(full, path, put)
            except (
                KeyError,
                IndexError,
                TypeError,
            ):  # the sample leaves the object or list out that holds it
                break


RECORDS = [record for event in DECLARATIONS.events.values() for record in told(event.latest)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that took all of them in, with some that are broken, and some in an ignorant producer's shape."""
    lake = Lake.create(tmp_path_factory.mktemp("canary") / "lake", {"quarantine_threshold": 1.0})
    for number, record in enumerate(RECORDS):
        record["detail"]["metadata"]["event_id"] = f"e-{number}"
    put_raw(lake, "told", *RECORDS)
    charge = {"type": "charge.captured", "created": CANARY, "data": {"object": {"id": CANARY}}}
    envelope = {"version": "0", "id": "d", "detail-type": "payment_captured", "source": "stripe", "time": "2026-11-01T09:00:00Z"}  # fmt: skip
    put_raw(lake, "foreign", {**envelope, "detail": {"payload": charge}})
    broken = line(RECORDS[0])[:-20] + CANARY.encode()
    lake.store.write(
        "bus=commerce/ingest_date=2026-11-01/ingest_hour=09/broken.json", broken + b"\n" + CANARY.encode()
    )
    curate(lake)
    with connect(lake, release_of(lake)) as connection:
        (failed,) = query(
            connection, "select error_message from platform.quarantine where error_type = 'unmappable'"
        ).to_pylist()
    assert "Could not convert" in failed["error_message"]
    return lake


def test_every_personal_field_was_tried(lake: Lake) -> None:
    tried = {
        path for event in DECLARATIONS.events.values() for path in personal(event.latest.fields, event.name)
    }
    assert len(RECORDS) >= len(tried)
    assert_conserved(lake)
    with connect(lake, release_of(lake)) as connection:
        (kept,) = query(connection, f"select count(*) as n from platform.quarantine where contains(record::varchar, '{CANARY}')").to_pylist()  # fmt: skip
    assert kept["n"] > len(tried)  # so the canary did get as far as quarantine, with the original bytes


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("status", "--json"),
        ("quarantine", "list"),
        ("quarantine", "list", "--by", "field"),
        ("quarantine", "list", "--json"),
        ("run",),
    ],
    ids=" ".join,
)
def test_no_command_that_sums_up_repeats_it(lake: Lake, command: tuple[str, ...]) -> None:
    done = lake_command(*command, "--lake", lake.root)
    assert done.returncode == DONE
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize("table", ["quarantine", "ledger", "event_ids"])
def test_no_column_but_the_original_bytes_repeats_it(lake: Lake, table: str) -> None:
    with connect(lake, release_of(lake)) as connection:
        rows = query(connection, f"select * from platform.{table}").to_pylist()
    assert rows
    found = {name: row[name] for row in rows for name in row if name != "record" and CANARY in str(row[name])}
    assert found == {}


def direct_values(rows: Any, fields: tuple[Field, ...]) -> Iterator[str]:
    """Values of directly personal fields, however deep."""
    for row in filter(None, rows):
        for field in fields:
            found = row.get(field.name)
            items = found if field.element else [found]
            inner = field.element or field
            if inner.pii == "direct":
                yield from filter(None, items or [])
            elif inner.members:
                yield from direct_values(items or [], inner.members)


def test_curated_rows_hold_pseudonyms_of_what_is_directly_personal(lake: Lake) -> None:
    found = []
    with connect(lake, release_of(lake)) as connection:
        for event in DECLARATIONS.events.values():
            rows = query(connection, f"select * from curated.{event.name}").to_pylist()
            found += direct_values(rows, event.latest.fields)
        clear = query(connection, "select value from platform.personal_values").to_pylist()
    assert len(found) == len(clear) > 0
    assert [value for value in found if not value.startswith("k1_")] == []
    assert any(row["value"] == CANARY for row in clear)


def test_no_record_of_the_lake_s_own_repeats_it(lake: Lake) -> None:
    kept = [path for path in lake.root.rglob("*") if path.is_file() and path.suffix in {".json", ".toml"}]
    assert kept
    assert [path for path in kept if CANARY.encode() in path.read_bytes() and "raw" not in path.parts] == []


def test_no_refusal_at_the_door_and_no_metric_repeats_it(tmp_path: Path) -> None:
    keys, secrets = Keys(tmp_path / "keys.json"), Secrets(tmp_path / "secrets")
    secrets.add("stripe", "s")
    sink = GroupCommit(tmp_path / "log.db", bus="commerce", clock=utc_now, most_waiting=MOST_WAITING)
    app = Collector(DECLARATIONS, sink, keys, Webhooks(DECLARATIONS, secrets)).app()
    with TestClient(app, headers={"authorization": f"Bearer {keys.add('shop')}"}) as client:
        answers = [client.post("/v1/events", content=line(record)) for record in RECORDS[::7]]
        answers.append(
            client.post("/v1/webhooks/stripe", content=line(RECORDS[0]), headers={"stripe-signature": CANARY})
        )
        answers.append(client.get("/metrics"))
        assert [answer for answer in answers if CANARY in answer.text] == []


def refusals(publisher: Publisher) -> Iterator[str]:
    for record in RECORDS:
        try:
            publisher.publish([line(record)])
        except LakeError as e:
            yield str(e)


def test_no_error_of_a_publisher_or_of_a_file_repeats_it(tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.db") as log:
        publisher = Publisher(DECLARATIONS, log)
        assert CANARY not in " ".join(refusals(publisher))
        wms = DECLARATIONS.sources["wms"]
        for number, content in enumerate(DROPS):
            path = tmp_path / f"movements_{number}.txt"
            path.write_text(content)
            with pytest.raises(LakeError) as caught:
                ingest([path], MappingFile(wms.path, wms.sections), publisher)
            assert CANARY not in str(caught.value)
