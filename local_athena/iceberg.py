"""Iceberg tables: what Athena says of them in Hive's way, said to Trino in its own.

Source: https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-creating-tables.html and querying-iceberg-managing-tables.html.
"""

from __future__ import annotations

import re
from typing import Final

from local_athena import types
from local_athena.catalogue import is_iceberg
from local_athena.engine import ICEBERG
from local_athena.errors import QueryFailedError
from local_athena.queries import Execution
from local_athena.reader import Reader, literal, plain_properties, quoted, split, unquoted
from local_athena.services import Services, table_of

# "Athena allows only a predefined list of key-value pairs in the table properties"
OWN_PROPERTIES: Final = frozenset([
    "write_target_data_file_size_bytes", "optimize_rewrite_min_data_file_size_bytes",
    "optimize_rewrite_max_data_file_size_bytes", "optimize_rewrite_data_file_threshold",
    "optimize_rewrite_delete_file_threshold", "vacuum_min_snapshots_to_keep",
    "vacuum_max_snapshot_age_seconds", "vacuum_max_metadata_files_to_keep", "write_compression",
])  # fmt: skip
_CREATED: Final = OWN_PROPERTIES | {"table_type", "format"}
_FORMATS: Final = frozenset(["parquet", "orc", "avro"])
_NOT_PUSHED: Final = "Unexpected FilterNode found in plan"
_AGE: Final = "vacuum_max_snapshot_age_seconds"
_DEFAULT_AGE: Final = "432000"
_TURNED: Final = re.compile(r"^(bucket|truncate)\s*\(\s*(\d+)\s*,\s*(.+)\)$", re.IGNORECASE)


def create_table(
    services: Services, execution: Execution, name: list[str], missing_only: str, reader: Reader
) -> None:
    """CREATE TABLE of an Iceberg table, from its columns on."""
    execution.is_a("DDL", "CREATE_TABLE")
    columns = [types.of_iceberg(column) for column in types.columns(reader.group())]
    partitions, location, found = "", None, dict[str, str]()
    while not reader.ended:
        if reader.takes("partitioned", "by"):
            partitions = reader.group()
        elif reader.takes("location"):
            location = reader.string()
        elif reader.takes("tblproperties"):
            found = plain_properties(reader.group())
        elif not (reader.takes("comment") and reader.string() is not None):
            raise QueryFailedError(
                f"FAILED: ParseException: cannot recognize input near {reader.rest[:60]!r}"
            )
    _check(found, location)
    options = {
        "location": literal((location or "").rstrip("/")),
        "format": literal(found.get("format", "parquet").upper()),
    }
    if partitions:
        options["partitioning"] = (
            "ARRAY[" + ", ".join(literal(_transform(p)) for p in split(partitions)) + "]"
        )
    table = quoted(ICEBERG, *table_of(name, execution))
    services.run(
        execution,
        f"CREATE TABLE {missing_only}{table} ({', '.join(columns)}) WITH ({listed(options | extra(found))})",
    )


def _check(found: dict[str, str], location: str | None) -> None:
    if found.get("table_type", "").upper() != "ICEBERG":
        raise QueryFailedError(
            "FAILED: SemanticException: CREATE TABLE is for table type ICEBERG; use CREATE EXTERNAL TABLE"
        )
    check_properties(set(found) - _CREATED)
    if not location:
        raise QueryFailedError("FAILED: SemanticException: An Iceberg table needs a LOCATION")
    if found.get("format", "parquet").lower() not in _FORMATS:
        raise QueryFailedError(f"FAILED: SemanticException: Unsupported Iceberg format: {found['format']}")


def check_properties(unknown: set[str]) -> None:
    """Refuse properties that Athena does not let an Iceberg table have."""
    if unknown:
        raise QueryFailedError(
            f"FAILED: SemanticException: Unsupported table property key: {', '.join(sorted(unknown))}"
        )


def _transform(text: str) -> str:
    """`bucket(16, id)` is `bucket(id, 16)` to Trino."""
    return _TURNED.sub(r"\1(\3, \2)", text.replace("`", "").strip()).lower()


def extra(found: dict[str, str]) -> dict[str, str]:
    """Athena's own properties, as properties of the table that Trino only keeps."""
    kept = {key: unquoted(value) for key, value in sorted(found.items()) if key in OWN_PROPERTIES}
    if not kept:
        return {}
    keys, values = (", ".join(map(literal, part)) for part in (kept.keys(), kept.values()))
    return {"extra_properties": f"MAP(ARRAY[{keys}], ARRAY[{values}])"}


def listed(options: dict[str, str]) -> str:
    """Options of a WITH."""
    return ", ".join(f"{name} = {value}" for name, value in options.items())


def read_properties(services: Services, database: str, name: str) -> dict[str, str]:
    """Athena's own properties of the table, and its format."""
    table = quoted(ICEBERG, database, f"{name}$properties")
    found = dict(services.engine.run(f"SELECT key, value FROM {table}").rows)
    kept = {key: value for key, value in found.items() if key in OWN_PROPERTIES}
    return {"format": found.get("write.format.default", "parquet").lower(), **kept}


def checked_iceberg(services: Services, parts: list[str], execution: Execution, verb: str) -> tuple[str, str]:
    """Database and name of a table that has to be one of Iceberg.

    Raises:
        QueryFailedError: it is not
    """
    database, name = table_of(parts, execution)
    if not is_iceberg(services.catalogue.table(database, name)):
        raise QueryFailedError(
            f"NOT_SUPPORTED: {verb} is only supported for Iceberg tables: {database}.{name}"
        )
    return database, name


def optimize(services: Services, execution: Execution, reader: Reader) -> None:
    """OPTIMIZE … REWRITE DATA USING BIN_PACK [WHERE …].

    Trino takes conditions on whole partitions only. Where Athena would choose files by another condition, all files are rewritten here: the
    rows are the same.
    """
    execution.is_a("DML", "OPTIMIZE")
    table = quoted(ICEBERG, *checked_iceberg(services, reader.name(), execution, "OPTIMIZE"))
    if not reader.takes("rewrite", "data", "using", "bin_pack"):
        raise QueryFailedError(
            f"SYNTAX_ERROR: mismatched input {reader.rest[:40]!r}. Expecting: 'REWRITE DATA USING BIN_PACK'"
        )
    try:
        services.run(execution, f"ALTER TABLE {table} EXECUTE optimize {reader.rest}")
    except QueryFailedError as e:
        if _NOT_PUSHED not in str(e):
            raise
        services.run(execution, f"ALTER TABLE {table} EXECUTE optimize")


def vacuum(services: Services, execution: Execution, reader: Reader) -> None:
    """VACUUM: snapshots beyond the age that the table says, and files that nothing knows."""
    execution.is_a("DML", "VACUUM")
    database, name = checked_iceberg(services, reader.name(), execution, "VACUUM")
    age = read_properties(services, database, name).get(_AGE, _DEFAULT_AGE)
    for procedure in ("expire_snapshots", "remove_orphan_files"):
        services.run(
            execution,
            f"ALTER TABLE {quoted(ICEBERG, database, name)} EXECUTE {procedure}(retention_threshold => '{age}s')",
        )
