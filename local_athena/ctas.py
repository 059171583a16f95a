"""CREATE TABLE AS and UNLOAD: Athena's properties as Trino's.

Source: https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html and unload.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from local_athena import types
from local_athena.engine import CATALOG, ICEBERG
from local_athena.errors import QueryFailedError
from local_athena.iceberg import OWN_PROPERTIES, extra, listed
from local_athena.queries import Execution
from local_athena.reader import Reader, literal, properties, quoted, unquoted
from local_athena.refusals import check_query
from local_athena.services import Services, table_of
from local_athena.storage import folder, parted

_ICEBERG_ONLY: Final = OWN_PROPERTIES - {"write_compression"} | {"location", "partitioning"}
_HIVE_ONLY: Final = frozenset(
    [
        "external_location",
        "partitioned_by",
        "bucketed_by",
        "bucket_count",
        "field_delimiter",
        "orc_compression",
        "parquet_compression",
    ]
)
_BOTH: Final = frozenset(["table_type", "is_external", "format", "write_compression", "compression_level"])
_UNLOAD: Final = frozenset(
    ["format", "compression", "compression_level", "field_delimiter", "partitioned_by"]
)
_FORMATS: Final = {
    "hive": frozenset(["PARQUET", "ORC", "AVRO", "JSON", "TEXTFILE"]),
    "iceberg": frozenset(["PARQUET", "ORC", "AVRO"]),
}
_CODECS: Final = {"UNCOMPRESSED": "NONE", "ZLIB": "GZIP", "DEFLATE": "GZIP"}


@dataclass(frozen=True)
class Written:
    """A table to be written.

    Attributes:
        table: database and name
        options: Athena's properties, as written
        query: what gives the rows
        missing_only: IF NOT EXISTS, or nothing
    """

    services: Services
    execution: Execution
    table: tuple[str, str]
    options: dict[str, str]
    query: str
    missing_only: str = ""

    def carry_out(self, catalog: str, settings: dict[str, str], session: dict[str, str]) -> None:
        """Have Trino write it."""
        table = quoted(catalog, *self.table)
        sql = f"CREATE TABLE {self.missing_only}{table} WITH ({listed(settings)}) AS {self.query}"
        if self.execution.parameters:
            sql = self.services.engine.with_parameters(sql, self.execution.parameters)
        self.execution.update_count = self.services.run(self.execution, sql, session).update_count


def create_table_as(
    services: Services, execution: Execution, name: list[str], missing_only: str, reader: Reader
) -> None:
    """CREATE TABLE … [WITH (…)] AS, from behind the table's name on."""
    execution.is_a("DDL", "CREATE_TABLE_AS_SELECT")
    options = properties(reader.group()) if reader.takes("with") else {}
    if not reader.takes("as"):
        raise QueryFailedError(f"SYNTAX_ERROR: mismatched input {reader.rest[:40]!r}. Expecting: 'AS'")
    write(Written(services, execution, table_of(name, execution), options, reader.rest, missing_only))


def unload(services: Services, execution: Execution, reader: Reader) -> None:
    """UNLOAD (query) TO 's3://…' WITH (…): written as a table is, which is then forgotten."""
    execution.is_a("DML", "UNLOAD")
    query = reader.group()
    target = reader.string() if reader.takes("to") else None
    options = properties(reader.group()) if reader.takes("with") else {}
    if not query or target is None or not reader.ended:
        raise QueryFailedError("SYNTAX_ERROR: UNLOAD wants (query) TO 's3://location' WITH (format = '…')")
    if "format" not in options:
        raise QueryFailedError("INVALID_TABLE_PROPERTY: UNLOAD needs the property format")
    _check_known(options, _UNLOAD)
    if "compression" in options:
        options["write_compression"] = options.pop("compression")
    table = (execution.database, "unload_" + execution.id.replace("-", ""))
    write(Written(services, execution, table, {**options, "external_location": literal(target)}, query))
    services.catalogue.drop_table(*table)


def write(written: Written) -> None:
    """Write a query's rows as a table."""
    services, execution = written.services, written.execution
    check_query(written.query, services.functions)
    kind = unquoted(written.options.get("table_type", "hive")).lower()
    if kind not in _FORMATS:
        raise QueryFailedError(f"INVALID_TABLE_PROPERTY: Invalid table type: {kind}")
    if written.missing_only and services.catalogue.find(*written.table):
        return
    output = services.engine.output_of(_without_data(written.query), execution.database)
    (_write_iceberg if kind == "iceberg" else _write_hive)(written, output)


def _without_data(query: str) -> str:
    """The query itself, without WITH [NO] DATA behind it."""
    words = query.split()
    for ending in (["with", "no", "data"], ["with", "data"]):
        if [word.lower() for word in words[-len(ending) :]] == ending:
            return query[: query.lower().rindex("with")]
    return query


def _write_iceberg(written: Written, output: list[tuple[str, str]]) -> None:
    options = written.options
    _check_known(options, _BOTH | _ICEBERG_ONLY)
    if "location" not in options:
        raise QueryFailedError("INVALID_TABLE_PROPERTY: location is required for Iceberg tables")
    if options.get("is_external", "true").lower() != "false":
        raise QueryFailedError("INVALID_TABLE_PROPERTY: is_external must be false for Iceberg tables")
    for name, found in output:
        _check_hive_type(name, found, unquoted(options["location"]))
        _check_iceberg_type(found)
    settings = {
        "format": literal(_format(options, "iceberg")),
        "location": literal(unquoted(options["location"]).rstrip("/")),
        **({"partitioning": options["partitioning"]} if "partitioning" in options else {}),
        **extra(options),
    }
    codec = {f"{ICEBERG}.compression_codec": _codec(options)} if "write_compression" in options else {}
    written.carry_out(ICEBERG, settings, codec)


def _write_hive(written: Written, output: list[tuple[str, str]]) -> None:
    options, execution = written.options, written.execution
    _check_known(options, _BOTH | _HIVE_ONLY)
    location = unquoted(options.get("external_location", _own_location(execution)))
    parted(location)
    for name, found in output:
        _check_hive_type(name, found, location)
    written.services.storage.check_empty(".".join(written.table), location)
    form = _format(options, "hive")
    kept = ("partitioned_by", "bucketed_by", "bucket_count")
    settings = {
        "format": literal(form),
        "external_location": literal(location),
        **{name: options[name] for name in kept if name in options},
    }
    if form == "TEXTFILE":
        settings["textfile_field_separator"] = options.get("field_delimiter", "U&'\\0001'")
    written.carry_out(CATALOG, settings, {f"{CATALOG}.compression_codec": _codec(options)})
    _write_manifest(written.services, execution, location)


def _own_location(execution: Execution) -> str:
    return f"{execution.output.rpartition('/')[0]}/tables/{execution.id}/"


def _write_manifest(services: Services, execution: Execution, location: str) -> None:
    """The list of written files (https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html)."""
    execution.manifest = f"{execution.output.rpartition('/')[0]}/{execution.id}-manifest.csv"
    written = services.storage.under(folder(location))
    services.storage.write(execution.manifest, "".join(f"{name}\n" for name in written))


def _check_known(options: dict[str, str], known: frozenset[str]) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise QueryFailedError(f"INVALID_TABLE_PROPERTY: Table property '{unknown[0]}' does not exist")


def _format(options: dict[str, str], kind: str) -> str:
    form = unquoted(options.get("format", "parquet")).upper()
    if form not in _FORMATS[kind]:
        raise QueryFailedError(f"INVALID_TABLE_PROPERTY: Unsupported format for table type {kind}: {form}")
    return form


def _codec(options: dict[str, str]) -> str:
    """GZIP is Athena's default for Hive tables."""
    names = ("write_compression", "parquet_compression", "orc_compression")
    codec = unquoted(next((options[name] for name in names if name in options), "GZIP")).upper()
    return _CODECS.get(codec, codec)


def _check_hive_type(name: str, kind: str, location: str) -> None:
    if types.to_hive(kind) is None:
        raise QueryFailedError(
            f"NOT_SUPPORTED: Unsupported Hive type: {kind}. Column: {name}. You may need to manually clean the data at "
            f"location '{location}' before retrying. Athena will not delete data in your account."
        )


def _check_iceberg_type(kind: str) -> None:
    """Source: dbt-athena casts to timestamp(6) for this; querying-iceberg-supported-data-types.html for the rest."""
    if kind.startswith("timestamp") and kind != "timestamp(6)":
        precision = kind.partition("(")[2].partition(")")[0] or "3"
        raise QueryFailedError(
            f'NOT_SUPPORTED: Timestamp precision ({precision}) not supported for Iceberg. Use "timestamp(6)" instead.'
        )
