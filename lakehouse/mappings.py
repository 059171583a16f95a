"""Mapping files, checked as far as they can be without the rows they are for."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import duckdb

from contracts._located import load_located
from contracts.declarations import Declarations
from contracts.errors import ContractError, MappingError
from contracts.mapping import MappingFile, Section, parse_mapping
from contracts.targets import Expression


def load_mapping(path: Path, declarations: Declarations) -> MappingFile:
    """Read a mapping file and check it against the contracts.

    Raises:
        MappingError: for the first mistake, naming file and line.
    """
    try:
        mapping = parse_mapping(load_located(path), declarations.events, declarations.envelope.metadata)
    except ContractError as e:
        raise MappingError(f"{e}") from e
    except (OSError, UnicodeDecodeError) as e:
        raise MappingError(f"Mapping {path} cannot be read ({e}). Name a YAML file.") from e
    for section in mapping.sections:
        check_expressions(section)
    return mapping


def check_expressions(section: Section) -> None:
    """See that every expression is one SQL expression.

    Raises:
        MappingError: for the first that is not, naming file and line.
    """
    for each in section.expressions:
        check_one_expression(each)


def check_one_expression(value: Expression) -> None:
    """See that it is one SQL expression.

    Raises:
        MappingError: when it is not, naming file and line.
    """
    if value.column is None and (problem := _no_expression(value.sql)):
        raise MappingError(f"{value.place} is no SQL expression ({problem}): {value.sql}")


@cache
def _no_expression(text: str) -> str | None:
    """Why the text is not one expression, or None. It is parsed only, so nothing in it is carried out."""
    row = _parser().execute("SELECT json_serialize_sql($1)", [f"SELECT (\n{text}\n)"]).fetchone()
    parsed = json.loads(row[0]) if row else {"error": True, "error_message": "it cannot be parsed"}
    if parsed["error"]:
        return str(parsed["error_message"])
    node = parsed["statements"][0]["node"]
    alone = len(parsed["statements"]) == len(node.get("select_list", [])) == 1 and not node["modifiers"]
    return None if alone and node["from_table"]["type"] == "EMPTY" else "it holds more than one expression"


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()
