"""What an engine runs to settle ids, in whichever process: records of one event brought together, and the verdict on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.datafiles import EPOCH
from lakehouse.duck import open_duckdb
from lakehouse.scratch import Segment, load_segment, stage_tables
from pipeline._tasks import StagedBatch
from transforms.deduplicate import IDS, deduplicate

LOT: Final = IDS.append(pa.field("is_withdrawn", pa.bool_()))
"""A record to settle: one that the run found, or one of an earlier run that it takes back."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file of the index, of which the records of some raw objects are taken back."""

    path: str
    objects: frozenset[str]


def read_ids(item: StagedBatch | IndexFile) -> pa.Table:
    """Ids of the records of a batch that passed the gate, of which there are some; or of those taken back (LOT, texts as dictionaries)."""
    if isinstance(item, IndexFile):
        return _marked(_of_objects(item), is_withdrawn=True)
    found = [_ids(load_segment(segment), event_type) for event_type, segment in item.passed.items()]
    return _marked(pa.concat_tables(found), is_withdrawn=False)


def _marked(table: pa.Table, *, is_withdrawn: bool) -> pa.Table:
    return table.append_column("is_withdrawn", pa.repeat(is_withdrawn, len(table)))


def _of_objects(item: IndexFile) -> pa.Table:
    columns = ", ".join(IDS.names)
    with open_duckdb(item.path) as connection:
        connection.register("objects", pa.table({"raw_object": sorted(item.objects)}))
        rows = connection.sql(
            f"select {columns} from read_parquet('{item.path}', hive_partitioning = false) semi join objects using (raw_object)"
        ).to_arrow_table()
    texts = {
        "event_type",
        "raw_object",
    }  # dictionaries in what was decoded, with which these rows are put together
    encoded = [
        rows[name].dictionary_encode() if name in texts else rows[name].cast(IDS.field(name).type)
        for name in IDS.names
    ]
    return pa.table(encoded, names=IDS.names)


def _ids(table: pa.Table, event_type: str) -> pa.Table:
    columns = {
        "event_id": table["event_id"],
        "payload_hash": table["payload_hash"],
        "event_type": _repeated(event_type, len(table)),
        "occurred_date": table["occurred_at"].cast(pa.date32()),
        "ingested_at": table["ingested_at"],
        "raw_object": table["raw_object"],
        "raw_record": table["raw_record"],
    }
    return pa.table(columns)


def _repeated(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([text]))


@dataclass(frozen=True, slots=True)
class SettledLot:
    """What deduplication decided for the events of one lot; the rows to index wait in a staged file."""

    dropped: pa.Table
    displaced: pa.Table
    indexed: Segment


@dataclass(frozen=True, slots=True)
class SettleIds:
    """Settles lots of ids against each other and against the index.

    `index` are the index's files by day (from 1970-01-01), `horizon` how many days around its own a lot looks into.
    """

    index: list[tuple[int | None, str]]
    horizon: int
    folder: str

    def __call__(self, number: int, lot: pa.Table) -> SettledLot:
        """Settle one lot."""
        withdrawn = lot.filter(lot["is_withdrawn"]).select(IDS.names)
        found = (lot.filter(pc.invert(lot["is_withdrawn"])) if len(withdrawn) else lot).select(IDS.names)
        with open_duckdb(self.index[0][1] if self.index else "") as connection:
            known = self._known(connection, lot, withdrawn)
            outcome = deduplicate(connection, found, known, withdrawn)
        segments = stage_tables({"ids": found}, f"{self.folder}/settled-{number:06d}.arrows")
        return SettledLot(outcome.dropped, outcome.displaced, segments["ids"])

    def _known(self, connection: duckdb.DuckDBPyConnection, lot: pa.Table, withdrawn: pa.Table) -> pa.Table:
        """Index rows of the days that the lot's records are in, and of the horizon around them, less those taken back."""
        days = {(day.as_py() - EPOCH).days for day in pc.unique(lot["occurred_date"])}
        near = {day + shift for day in days for shift in range(-self.horizon, self.horizon + 1)}
        files = [path for day, path in self.index if day in near]
        if not files:
            return IDS.empty_table()
        connection.register("ids", lot.select(["event_id"]))
        connection.register("taken_back", withdrawn.select(["raw_object", "raw_record"]))
        columns = ", ".join(IDS.names)
        relation = connection.sql(
            f"select {columns} from read_parquet({files!r}, hive_partitioning = false) semi join ids using (event_id)"
            " anti join taken_back using (raw_object, raw_record)"
        )
        return relation.to_arrow_table()
