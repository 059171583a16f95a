"""A mistake gives one message that names it and says what next, and an exit code to go by: never a stack trace."""

from __future__ import annotations

import gzip
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import CHECK_FAILED, DONE, WRONG_USE
from holdings import accounts
from records import HOUR, event, line
from text_tables import rows

from cli.main import main
from contracts.declarations import BUILT_IN
from lakehouse.lake import Lake

Said = tuple[int, str]
Command = Callable[[str], Said]

COMMANDS = """
| command                                             | exit | words                                        |
|-----------------------------------------------------|------|----------------------------------------------|
| curat                                               | 2    | No such command 'curat' ; 'curate'           |
| quarantine lst                                      | 2    | No such command 'lst' ; 'list'               |
| curate --lke here                                   | 2    | No such option '--lke' ; '--lake'            |
| status --jsn                                        | 2    | '--json'                                     |
| curate surplus                                      | 2    | unexpected extra argument (surplus)          |
| sql                                                 | 2    | Missing argument 'STATEMENT'                 |
| sql --format xml "select 1"                         | 2    | 'xml' is not one of ; 'csv'                  |
| simulate --events many                              | 2    | '--events' ; 'many'                          |
| simulate --events 0                                 | 2    | '--events' ; x>=1                            |
| simulate --start tomorrow                           | 2    | '--start' ; %Y-%m-%d                         |
| status --lake nowhere                               | 2    | nowhere is not a lake ; lake init nowhere    |
| curate --lake nowhere                               | 2    | nowhere is not a lake ; --lake               |
| build --lake nowhere                                | 2    | nowhere is not a lake                        |
| run --lake empty                                    | 2    | empty is not a lake                          |
| status --lake lake/lake.toml                        | 2    | lake/lake.toml ; is a file                   |
| rebuild --lake nowhere                              | 2    | no raw folder ; Restore raw                  |
| rebuild --lake lake                                 | 2    | no raw folder ; Restore raw                  |
| init full                                           | 2    | full holds other things ; lake init DIR      |
| init full/file/below                                | 4    | cannot be made ; Move it                     |
| sql "selct 1"                                       | 2    | syntax error ; selct                         |
| sql "select * from curated.order_place"             | 2    | order_place does not exist ; "order_placed"  |
| sql "select no_such from curated.order_placed"      | 2    | no_such ; Tables:                            |
| sql "select cast('x' as int)"                       | 2    | Could not convert                            |
| sql --as-of 7 "select 1"                            | 2    | no release 7 ; lake status                   |
| sql --as-of 0 "select 1"                            | 2    | x>=1                                         |
| contracts show order_place                          | 2    | 'order_place' ; lake contracts show          |
| contracts check --contracts empty                   | 2    | holds no contracts ; envelope.yaml           |
| ingest missing.csv --mapping good.yaml              | 2    | missing.csv                                  |
| ingest rows.csv --mapping missing.yaml              | 2    | missing.yaml cannot be read ; YAML           |
| ingest rows.csv --mapping no-column.yaml            | 2    | nummer ; number                              |
| ingest rows.csv --mapping no-field.yaml             | 2    | no-field.yaml:7 ; custmer_id ; customer_id   |
| ingest rows.csv --mapping no-type.yaml              | 2    | customer_registred ; customer_registered     |
"""

PROFILES = """
| lake.toml                          | exit | words                                               |
|------------------------------------|------|-----------------------------------------------------|
| format_version = 2                 | 2    | has format 2 ; knows up to 1 ; Upgrade              |
| format_version = "one"             | 2    | format_version ; Mend                               |
| no equals sign                     | 2    | is not TOML ; line 1                                |
| leese_seconds = 5                  | 2    | leese_seconds ; Known: ; lease_seconds              |
| lease_seconds = "soon"             | 2    | lease_seconds ; Mend                                |
| horizon_days = -1                  | 2    | horizon_days ; Mend                                 |
| quarantine_threshold = 25          | 2    | quarantine_threshold ; Mend                         |
| contracts = "nowhere"              | 2    | nowhere holds no contracts                          |
"""

CONTRACTS = """
| line                                                              | words                                     |
|-------------------------------------------------------------------|-------------------------------------------|
| {type: string, pattern: "^x", description: d}                     | keyword 'pattern' is not supported        |
| {type: strng, description: d}                                     | type 'strng' is not supported ; string    |
| {type: string, format: mony, description: d}                      | format 'mony' is not supported ; money    |
| {type: string, minimum: 1, description: d}                        | 'minimum' does not apply to type string   |
| {type: string}                                                    | 'added' has no description                |
| {type: array, description: d}                                     | an array needs items                      |
| {$ref: "shapes.yaml#/adress"}                                     | adress ; address                          |
| {type: string, enum: [on, off], description: d}                   | quote words such as NO                    |
| {type: string, description: d                                     | not YAML                                  |
| just words                                                        | 'added' needs a mapping                   |
"""

MAPPING = """\
events:
  - event_type: customer_registered
    source: crm
    occurred_at: since
    id: [number]
    fields:
      customer_id: number
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a lake, an empty folder, one with other things in it, and mappings with mistakes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAKE_HOME", raising=False)
    Lake.create(tmp_path / "lake")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    texts = {
        "full/file": "other things",
        "rows.csv": "number,since\n1,2026-01-01 10:00:00\n",
        "good.yaml": MAPPING,
        "no-column.yaml": MAPPING.replace("customer_id: number", "customer_id: nummer"),
        "no-field.yaml": MAPPING.replace("customer_id", "custmer_id"),
        "no-type.yaml": MAPPING.replace("customer_registered", "customer_registred"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def lake_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Runs `lake ...` in this process, for its exit code and all it said on stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    on_term = signal.getsignal(signal.SIGTERM)

    def run(command: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["lake", *shlex.split(command)])
        with pytest.raises(SystemExit) as exited:
            main()
        assert isinstance(exited.value.code, int)
        return exited.value.code, " ".join(capsys.readouterr().err.split())

    yield run
    signal.signal(signal.SIGTERM, on_term)


def assert_said(said: Said, exit_code: int, words: str) -> None:
    code, message = said
    assert code == exit_code, message
    assert [word for word in words.split(" ; ") if word not in message] == [], message
    assert "Traceback" not in message
    assert "defect" not in message


@pytest.mark.parametrize("row", rows(COMMANDS), ids=lambda row: row["command"])
def test_a_wrong_command_is_told_what_is_wrong(lake_says: Command, row: dict[str, str]) -> None:
    assert_said(lake_says(row["command"]), int(row["exit"]), row["words"])


@pytest.mark.parametrize("row", rows(PROFILES), ids=lambda row: row["lake.toml"])
def test_a_wrong_profile_is_told_what_is_wrong(lake_says: Command, here: Path, row: dict[str, str]) -> None:
    (here / "lake/lake.toml").write_text(row["lake.toml"], encoding="utf-8")
    assert_said(lake_says("status"), int(row["exit"]), row["words"])


@pytest.mark.parametrize("row", rows(CONTRACTS), ids=lambda row: row["words"])
def test_a_wrong_contract_is_named_by_file_and_line(
    lake_says: Command, here: Path, row: dict[str, str]
) -> None:
    shutil.copytree(BUILT_IN, here / "contracts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    contract = here / "contracts/events/page_viewed/v1.yaml"
    text = contract.read_text(encoding="utf-8") + f"    added: {row['line']}\n"
    contract.write_text(text, encoding="utf-8")
    code, message = lake_says("contracts check --contracts contracts")
    assert_said((code, message), WRONG_USE, row["words"])
    lines = {text.count("\n"), text.count("\n") + 1}  # YAML sees an end that is missing on the line after
    assert any(f"{contract}:{number}: " in message for number in lines), message


def test_a_contract_with_a_gap_in_its_versions_is_named(lake_says: Command, here: Path) -> None:
    shutil.copytree(BUILT_IN, here / "contracts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    folder = here / "contracts/events/payment_failed"
    (folder / "v2.yaml").rename(folder / "v3.yaml")
    said = lake_says("contracts check --contracts contracts")
    assert_said(said, WRONG_USE, "payment_failed/v3.yaml ; v2 is missing")


def test_a_dry_run_of_a_good_mapping_publishes_nothing(lake_says: Command, here: Path) -> None:
    assert_said(lake_says("ingest rows.csv --mapping good.yaml --dry-run"), DONE, "Nothing was published")
    assert sorted(path.name for path in (here / "lake").iterdir()) == ["lake.toml"]


def test_files_in_raw_that_are_no_raw_objects_are_quarantined_and_do_not_stop_the_rest(
    lake_says: Command, here: Path
) -> None:
    raw = here / "lake/raw"
    good = gzip.compress(b"\n".join(line(event("page_viewed", f"e-{n}")) for n in range(20)))
    strange = {
        "README.txt": b"This folder holds raw objects, one for each hour and bus.",
        f"{HOUR}/good.json.gz": good,
        f"{HOUR}/it's not gzip.json.gz": b'{"detail-type": "page_viewed"}\n',
        f"{HOUR}/.hidden.tmp": b"half of an object that is being written",
        "bus=commerce/ingest_date=2026-99-99/ingest_hour=09/no-such-day.json.gz": gzip.compress(b"{}"),
    }
    for name, data in strange.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(data)
    (raw / HOUR / "a-folder.json.gz").mkdir()
    (raw / HOUR / "leads-nowhere.json.gz").symlink_to(here / "nothing-there")
    assert_said(lake_says("curate"), DONE, "")
    accounted = accounts(Lake.open(here / "lake"))
    assert {name: account["quarantined"] for name, account in accounted.items()} == {
        "README.txt": 1,
        f"{HOUR}/good.json.gz": 0,
        f"{HOUR}/it's not gzip.json.gz": 1,
        "bus=commerce/ingest_date=2026-99-99/ingest_hour=09/no-such-day.json.gz": 1,
    }
    assert_said(lake_says("curate"), DONE, "Nothing new in raw")
    assert_said(lake_says("status"), DONE, "")


def test_raw_that_is_mostly_bad_fails_the_threshold_and_is_kept(lake_says: Command, here: Path) -> None:
    Lake.open(here / "lake").store.write(f"{HOUR}/bad.json.gz", gzip.compress(b"{}\n" * 3))
    assert_said(lake_says("curate"), CHECK_FAILED, "100.0% ; allows 25.0% ; lake quarantine list")
    assert_said(lake_says("curate"), DONE, "Nothing new in raw")
