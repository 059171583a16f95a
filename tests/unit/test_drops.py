"""A drop whose control totals do not hold is refused whole, with the figures; the rest of what can befall one is told."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import ContractError, ControlError, MappingError
from contracts.mapping import MappingFile
from ingestion.event_log import EventLog, Landing
from ingestion.ingest import IngestResult, ingest
from ingestion.publisher import Publisher
from lakehouse.mappings import load_mapping
from tests.records import DECLARATIONS
from tests.unit.mapped import NOW

WMS = DECLARATIONS.sources["wms"]
MOVEMENTS = """HDR|WMS|W1|20261102|000123|1
DTL|M-1|SKU-1|A-1|-2|SHIP|20261102081500|SH-77|
DTL|M-2|SKU-1|A-1|3|RET|20261102093000|Größe|
TRL|2|1
"""

Drop = Callable[..., tuple[IngestResult, list[dict[str, object]]]]


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """Ingests files of movements, each by its bytes; gives what was published."""

    def dropped(*files: bytes, suffix: str = "txt") -> tuple[IngestResult, list[dict[str, object]]]:
        paths = [tmp_path / f"movements_{number}.{suffix}" for number in range(len(files))]
        for path, content in zip(paths, files, strict=True):
            path.write_bytes(content)
        with EventLog(tmp_path / "log.db") as log:
            mapping = MappingFile(WMS.path, WMS.sections)
            result = ingest(paths, mapping, Publisher(DECLARATIONS, log, clock=lambda: NOW))
            records = log.records(Landing("", "commerce", NOW.replace(minute=0), 1, 1_000, 0))
        return result, [json.loads(record) for record in records]

    return dropped


def published(tmp_path: Path) -> int:
    with EventLog(tmp_path / "log.db") as log:
        return len(log)


def test_a_drop_that_is_what_it_says_is_published(drop: Drop) -> None:
    result, records = drop(MOVEMENTS.encode())
    assert (result.rows, result.published, result.invalid) == (2, 2, 0)
    details = [record["detail"] for record in records]
    assert [(d["sku"], d["quantity_change"], d["location_id"]) for d in details] == [("SKU-1", -2, "W1"), ("SKU-1", 3, "W1")]  # type: ignore[index]  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf" + MOVEMENTS.encode(), MOVEMENTS.replace("\n", "\r\n").encode()]
)
def test_a_byte_order_mark_and_line_ends_of_another_system_change_nothing(drop: Drop, content: bytes) -> None:
    for result, records in (drop(content), drop(gzip.compress(content, mtime=0), suffix="txt.gz")):
        assert (result.published, result.invalid) == (2, 0)
        assert records[-1]["detail"]["reference_id"] == "Größe"  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TRL|2|1", "TRL|3|1", r"count\(\*\) is 2, and it says 3"),
        ("TRL|2|1", "TRL|2|7", r"sum\(units::BIGINT\) is 1, and it says 7"),
        ("TRL|2|1", "TRL|9|9", "it says 9; .*it says 9"),
        ("|-2|SHIP", "|-1|SHIP", "is 2, and it says 1"),
        ("TRL|2|1\n", "", "has no trailer"),
        ("TRL|2|1", "TRL|2", "it says None"),
        ("TRL|2|1", "TRL|two|1", "wms.yaml:.*Could not convert string … to"),
        ("TRL|2|1\n", "TRL|2|1\nDTL|M-3|S|A|1|RET|20261102093000||\n", "line 5 stands after the trailer"),
        ("HDR|", "HEAD|", "does not begin with 'HDR'"),
        ("DTL|M-2", "XXX|M-2", "line 3 does not begin with 'DTL'"),
        ("|Größe|", "|Größe", "line 3 has 8 fields; the mapping names 9"),
        ("|3|RET", "|many|RET", "wms.yaml:.*Could not convert string … to"),
        (MOVEMENTS, "", "has no trailer"),
    ],
)  # fmt: skip
def test_one_that_is_not_is_refused_whole_with_the_figures(
    drop: Drop, tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in MOVEMENTS
    with pytest.raises(ControlError, match=rf"movements_0\.txt.*{message}.*Nothing of it was published"):
        drop(MOVEMENTS.replace(old, new).encode())
    assert published(tmp_path) == 0


def test_a_drop_may_hold_nothing_where_it_says_so(drop: Drop) -> None:
    result, _ = drop(b"HDR|WMS|W1|20261102|000123|1\nTRL|0|0\n")
    assert (result.rows, result.published) == (0, 0)


def test_one_bad_drop_holds_back_its_neighbours(drop: Drop, tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="movements_1"):
        drop(MOVEMENTS.encode(), MOVEMENTS.replace("TRL|2", "TRL|1").encode())
    assert published(tmp_path) == 0


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (MOVEMENTS.encode("latin-1"), "txt"),
        (MOVEMENTS.encode("utf-16"), "txt"),
        (gzip.compress(MOVEMENTS.encode(), mtime=0)[:-9], "txt.gz"),
    ],
)
def test_one_in_another_encoding_or_cut_off_cannot_be_read(
    drop: Drop, tmp_path: Path, content: bytes, suffix: str
) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        drop(content, suffix=suffix)
    assert published(tmp_path) == 0


def test_a_drop_delivered_twice_gives_the_same_events(drop: Drop) -> None:
    _, records = drop(MOVEMENTS.encode(), MOVEMENTS.encode())
    ids = [record["detail"]["metadata"]["event_id"] for record in records]  # type: ignore[index]
    assert (len(ids), len(set(ids))) == (4, 2)


CONTROLLED = """
events:
  - event_type: customer_registered
    source: crm
    occurred_at: since
    id: [number]
    columns: [number, since]
    control: {trailer: END, totals: [{says: "_trailer[2]", rows: count(*)}]}
    fields: {customer_id: number}
"""


def test_a_file_may_have_no_header_and_rows_without_a_mark(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(CONTROLLED)
    (tmp_path / "a.csv").write_text('C-1,2026-03-01\n"C,2",2026-03-01\n\nEND,2\n')
    with EventLog(tmp_path / "log.db") as log:
        mapping = load_mapping(tmp_path / "m.yaml", DECLARATIONS)
        assert ingest([tmp_path / "a.csv"], mapping, Publisher(DECLARATIONS, log)).published == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    columns: [number, since]\n", "", "name their 'columns'"),
        ("trailer: END, ", "", "trailer's first field"),
        ('totals: [{says: "_trailer[2]", rows: count(*)}]', "totals: []", "a list of totals"),
        (", rows: count(*)", "", "a total has 'says'"),
        ("{trailer: END", "{footer: END", "'footer' is not supported"),
        ("columns: [number, since]", "columns: [number, since]\n    quote: '##'", "one character, or none"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CONTROLLED
    (tmp_path / "m.yaml").write_text(CONTROLLED.replace(old, new))
    with pytest.raises((MappingError, ContractError), match=rf"m\.yaml:\d+: .*{message}"):
        load_mapping(tmp_path / "m.yaml", DECLARATIONS)
