"""Raw of every contract version ever, kept as it was sent: what comes of it changes only together with a decision that says why.

Of a version that is new, write the files, and look them over before they are committed:

    LAKE_WRITE_GOLDEN=1 .venv/bin/pytest tests/e2e/test_corpus_of_versions.py

Where what comes of an old one is meant to change, write a decision under `docs/decisions/`, put the new hash and the decision's name
into `corpus/seals.yaml`, and the new rows into the file.
"""

from __future__ import annotations

import gzip
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from commands import REPOSITORY
from holdings import ask, assert_conserved, holdings
from records import VERSIONS, line, valid_samples
from test_golden_files import as_text, filled

from contracts.events import EventVersion
from contracts.layout import QUARANTINE, curated_table
from lakehouse.lake import Lake
from pipeline.curate import curate

CORPUS: Final = Path(__file__).parent / "corpus"
SEALS: Final = CORPUS / "seals.yaml"
DECISIONS: Final = REPOSITORY / "docs" / "decisions"
HOUR: Final = "bus=commerce/ingest_date=2026-11-01/ingest_hour=09"
WRITES: Final = os.environ.get("LAKE_WRITE_GOLDEN") == "1"


def named(version: EventVersion) -> str:
    return f"{version.event_type}.v{version.version}"


def raw_of(version: EventVersion) -> Path:
    return CORPUS / f"{named(version)}.sent.ndjson"


def rows_of(version: EventVersion) -> Path:
    return CORPUS / f"{named(version)}.curated.jsonl"


def write_what_is_new() -> None:
    """Files of versions that have none."""
    for version in VERSIONS:
        if not raw_of(version).exists():
            sent = []
            for number, record in enumerate(valid_samples(version)):
                record["detail"]["metadata"]["event_id"] = f"{named(version)}-{number}"
                sent.append(line(record))
            raw_of(version).write_bytes(b"\n".join(sent) + b"\n")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that curated the whole corpus."""
    if WRITES:
        CORPUS.mkdir(exist_ok=True)
        write_what_is_new()
    lake = Lake.create(tmp_path_factory.mktemp("corpus") / "lake")
    for path in sorted(CORPUS.glob("*.sent.ndjson")):
        name = path.name.removesuffix(".sent.ndjson")
        lake.store.write(f"{HOUR}/{name}.json.gz", gzip.compress(path.read_bytes(), mtime=0))
    curate(lake)
    return lake


def curated(lake: Lake, version: EventVersion) -> str:
    """The rows of a version's records, as text."""
    table, name = curated_table(version.event_type), f"{HOUR}/{named(version)}.json.gz"
    found = ask(lake, f"select * from {table} where raw_object = '{name}' order by raw_record")
    return "".join(json.dumps(filled(row), default=as_text, ensure_ascii=False) + "\n" for row in found)


def seals() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = yaml.safe_load(SEALS.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("version", VERSIONS, ids=named)
def test_what_was_sent_by_a_version_comes_out_as_ever(lake: Lake, version: EventVersion) -> None:
    rows = curated(lake, version)
    if WRITES and not rows_of(version).exists():
        rows_of(version).write_text(rows, encoding="utf-8")
    assert rows == rows_of(version).read_text(encoding="utf-8")
    assert len(rows.splitlines()) == len(raw_of(version).read_bytes().splitlines()) > 0


def test_nothing_of_the_corpus_is_lost(lake: Lake) -> None:
    assert_conserved(lake)
    assert QUARANTINE not in holdings(lake)


def test_a_file_changes_only_with_a_decision() -> None:
    files = {path.name: sha256(path.read_bytes()).hexdigest() for path in CORPUS.iterdir() if path != SEALS}
    assert set(files) == {path.name for version in VERSIONS for path in (raw_of(version), rows_of(version))}
    if WRITES:
        known = seals() if SEALS.exists() else {}
        new = {name: [{"sha256": digest}] for name, digest in files.items() if name not in known}
        SEALS.write_text(yaml.safe_dump({**known, **new}, sort_keys=True), encoding="utf-8")
    found = seals()
    assert {name: entries[-1]["sha256"] for name, entries in found.items()} == files
    for name, entries in found.items():
        for changed in entries[1:]:
            assert (DECISIONS / f"{changed['decision']}.md").is_file(), name
