"""Hive's DDL, straight to Glue, as Athena carries it out.

Source of the syntax: https://docs.aws.amazon.com/athena/latest/ug/create-table.html.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from local_athena import types
from local_athena.catalogue import is_iceberg
from local_athena.errors import QueryFailedError
from local_athena.queries import Execution
from local_athena.reader import Reader, plain_properties
from local_athena.services import Services, table_of
from local_athena.storage import folder, parted


class _Format(NamedTuple):
    reads: str
    writes: str
    serde: str


_QL: Final = "org.apache.hadoop.hive.ql.io."
_TEXT: Final = _Format(
    "org.apache.hadoop.mapred.TextInputFormat",
    _QL + "HiveIgnoreKeyTextOutputFormat",
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
)
_PARQUET: Final = _QL + "parquet."
_FORMATS: Final = {
    "textfile": _TEXT,
    "parquet": _Format(
        _PARQUET + "MapredParquetInputFormat",
        _PARQUET + "MapredParquetOutputFormat",
        _PARQUET + "serde.ParquetHiveSerDe",
    ),
    "orc": _Format(_QL + "orc.OrcInputFormat", _QL + "orc.OrcOutputFormat", _QL + "orc.OrcSerde"),
    "avro": _Format(
        _QL + "avro.AvroContainerInputFormat",
        _QL + "avro.AvroContainerOutputFormat",
        "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
    ),
    "jsonfile": _TEXT._replace(serde="org.apache.hive.hcatalog.data.JsonSerDe"),
}
_DELIMITERS: Final = {
    ("fields", "terminated", "by"): ("field.delim", "serialization.format"),
    ("escaped", "by"): ("escape.delim",),
    ("collection", "items", "terminated", "by"): ("collection.delim",),
    ("map", "keys", "terminated", "by"): ("mapkey.delim",),
    ("lines", "terminated", "by"): ("line.delim",),
    ("null", "defined", "as"): ("serialization.null.format",),
}
_ESCAPES: Final = {"\\t": "\t", "\\n": "\n", "\\\\": "\\", "\\001": "\x01"}


def create_external_table(services: Services, execution: Execution, reader: Reader) -> None:
    """CREATE EXTERNAL TABLE."""
    execution.is_a("DDL", "CREATE_TABLE")
    missing_only = reader.takes("if", "not", "exists")
    database, name = table_of(reader.hive_name(), execution)
    table = _table(name, reader)
    if table["Parameters"].get("table_type", "").upper() == "ICEBERG":
        raise QueryFailedError(
            "FAILED: SemanticException: External keyword not supported for table type ICEBERG"
        )
    services.catalogue.create_table(database, table, missing_only=missing_only)


def _table(name: str, reader: Reader) -> dict[str, Any]:
    columns = types.columns(reader.group())
    clauses = _clauses(reader)
    if not clauses.get("location"):
        raise QueryFailedError("FAILED: SemanticException: No location specified for the external table")
    parted(clauses["location"])
    form: _Format = clauses.get("format", _TEXT)
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Owner": "hadoop",
        "Retention": 0,
        "Parameters": {"EXTERNAL": "TRUE", **clauses.get("comment", {}), **clauses.get("properties", {})},
        "PartitionKeys": clauses.get("partitioned", []),
        "StorageDescriptor": {
            "Columns": columns,
            "Location": clauses["location"],
            "InputFormat": form.reads,
            "OutputFormat": form.writes,
            "Compressed": False,
            "NumberOfBuckets": clauses.get("buckets", -1),
            "SerdeInfo": {"SerializationLibrary": form.serde, "Parameters": clauses.get("serde", {})},
            "BucketColumns": clauses.get("clustered", []),
            "SortColumns": [],
            "Parameters": {},
            "StoredAsSubDirectories": False,
        },
    }


def _clauses(reader: Reader) -> dict[str, Any]:
    """All clauses behind the columns, in any order."""
    found: dict[str, Any] = {"serde": {}}
    while not reader.ended:
        if reader.takes("comment"):
            found["comment"] = {"comment": reader.string()}
        elif reader.takes("partitioned", "by"):
            found["partitioned"] = types.columns(reader.group())
        elif reader.takes("clustered", "by"):
            found |= _buckets(reader)
        elif reader.takes("row", "format"):
            _row_format(reader, found)
        elif reader.takes("with", "serdeproperties"):
            found["serde"] |= plain_properties(reader.group())
        elif reader.takes("stored", "as"):
            found["format"] = _stored_as(reader, found.get("format"))
        elif reader.takes("location"):
            found["location"] = reader.string()
        elif reader.takes("tblproperties"):
            found["properties"] = plain_properties(reader.group())
        else:
            raise QueryFailedError(
                f"FAILED: ParseException: cannot recognize input near {reader.rest[:60]!r}"
            )
    return found


def _buckets(reader: Reader) -> dict[str, Any]:
    columns = [part.strip(" `") for part in reader.group().split(",")]
    reader.takes("into")
    number = int(reader.word())
    reader.takes("buckets")
    return {"clustered": columns, "buckets": number}


def _row_format(reader: Reader, found: dict[str, Any]) -> None:
    if reader.takes("serde"):
        found["format"] = _TEXT._replace(serde=reader.string() or "")
        return
    if not reader.takes("delimited"):
        raise QueryFailedError(f"FAILED: ParseException: cannot recognize input near {reader.rest[:60]!r}")
    while words := next((words for words in _DELIMITERS if reader.takes(*words)), None):
        text = reader.string() or ""
        found["serde"] |= dict.fromkeys(_DELIMITERS[words], _ESCAPES.get(text, text))


def _stored_as(reader: Reader, before: _Format | None) -> _Format:
    """The format by its name, or by its classes; a SerDe that was named stays."""
    if reader.takes("inputformat"):
        reads = reader.string() or ""
        reader.takes("outputformat")
        named = _Format(reads, reader.string() or "", _TEXT.serde)
    else:
        name = reader.name()[-1]
        if name not in _FORMATS:
            raise QueryFailedError(
                f"FAILED: SemanticException Unrecognized file format in STORED AS clause: '{name}'"
            )
        named = _FORMATS[name]
    return named._replace(serde=before.serde) if before else named


def create_database(services: Services, execution: Execution, reader: Reader) -> None:
    """CREATE DATABASE."""
    execution.is_a("DDL", "CREATE_DATABASE")
    missing_only, settings = reader.takes("if", "not", "exists"), dict[str, Any]()
    name = reader.hive_name()[-1]
    while not reader.ended:
        if reader.takes("comment"):
            settings["Description"] = reader.string()
        elif reader.takes("location"):
            settings["LocationUri"] = folder(reader.string() or "")
        elif reader.takes("with", "dbproperties"):
            settings["Parameters"] = plain_properties(reader.group())
        else:
            raise QueryFailedError(
                f"FAILED: ParseException: cannot recognize input near {reader.rest[:60]!r}"
            )
    services.catalogue.create_database(name, settings, missing_only=missing_only)


def drop_database(services: Services, execution: Execution, reader: Reader) -> None:
    """DROP DATABASE."""
    execution.is_a("DDL", "DROP_DATABASE")
    missing_ok = reader.takes("if", "exists")
    name = reader.hive_name()[-1]
    services.catalogue.drop_database(name, missing_ok=missing_ok, cascade=reader.takes("cascade"))


def repair(services: Services, execution: Execution, reader: Reader) -> None:
    """MSCK REPAIR TABLE: partitions that are in S3 are made known. Not for Iceberg tables, as Athena says."""
    execution.is_a("DDL", "MSCK_REPAIR_TABLE")
    database, name = table_of(reader.hive_name(), execution)
    if is_iceberg(services.catalogue.table(database, name)):
        raise QueryFailedError(
            "FAILED: SemanticException: MSCK REPAIR is not supported for table type ICEBERG"
        )
    services.run(
        execution, f"CALL awsdatacatalog.system.sync_partition_metadata('{database}', '{name}', 'ADD')"
    )
