"""What Trino takes in a query, and Athena does not.

Each rule says where it comes from, in the documentation of AWS (https://docs.aws.amazon.com/athena/latest/ug/<page>.html) where nothing else
is said; `tests/athena/refused.yaml` has statements for each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from local_athena.engine import ICEBERG
from local_athena.errors import QueryFailedError
from local_athena.functions import Functions
from local_athena.reader import Reader

Tokens = list[Token]

# querying-iceberg-table-metadata; $partitions is of Hive tables too
_METADATA: Final = frozenset(["files", "manifests", "history", "partitions", "snapshots", "refs"])
_OTHER_CATALOGS: Final = frozenset(["system", ICEBERG, "jmx", "memory", "tpch", "tpcds"])
_MOST_ARGUMENTS: Final = 127
_MOST_ELEMENTS: Final = 254
_MOST_ROWS: Final = 2147483647
_NAMES: Final = (TokenType.VAR, TokenType.IDENTIFIER)
_UNDERSCORED: Final = re.compile(r"_\d")
_BASED: Final = re.compile(r"[xbo][0-9a-f]", re.IGNORECASE)


def check_query(sql: str, functions: Functions) -> None:
    """Refuse a query that Athena refuses.

    Raises:
        QueryFailedError: with the reason, as Athena words it where that is known
    """
    tokens = Reader(sql).tokens()
    for check in _CHECKS:
        check(tokens)
    _check_functions(tokens, functions)
    _check_parameters(sql)


def _check_functions(tokens: Tokens, functions: Functions) -> None:
    """functions-env3, and the reviewed list in functions.yaml."""
    for token, following in itertools.pairwise(tokens):
        name = token.text.lower()
        called = token.token_type in _NAMES and following.token_type == TokenType.L_PAREN
        if called and (name == "json_table" or name in functions.refused):
            raise QueryFailedError(f"FUNCTION_NOT_FOUND: Function '{name}' not registered")


def _check_table_functions(tokens: Tokens) -> None:
    """other-notable-limitations: no connectors of Trino, and so none of the table functions that come with them."""
    for before, token, following in zip(tokens, tokens[1:], tokens[2:], strict=False):
        behind_from = before.text.lower() in ("from", "join", ",")
        if behind_from and _is_word(token, "table") and following.token_type == TokenType.L_PAREN:
            raise QueryFailedError("NOT_SUPPORTED: Table functions are not supported")


def _check_own_functions(tokens: Tokens) -> None:
    """querying-udf: functions of users are Lambda functions, declared by USING EXTERNAL FUNCTION."""
    if len(tokens) > 1 and _is_word(tokens[0], "with") and _is_word(tokens[1], "function"):
        raise QueryFailedError(
            "SYNTAX_ERROR: mismatched input 'FUNCTION'. Expecting: <identifier>, 'RECURSIVE'"
        )


def _check_session(tokens: Tokens) -> None:
    """select: the synopsis has no WITH SESSION."""
    if len(tokens) > 1 and _is_word(tokens[0], "with") and _is_word(tokens[1], "session"):
        raise QueryFailedError(
            "SYNTAX_ERROR: mismatched input 'SESSION'. Expecting: <identifier>, 'RECURSIVE'"
        )


def _check_names(tokens: Tokens) -> None:
    """querying-iceberg-table-metadata lists the metadata tables; other-notable-limitations: no connectors of Trino."""
    for number, token in enumerate(tokens):
        if token.token_type == TokenType.IDENTIFIER and "$" in token.text[1:]:
            _check_metadata(token.text)
        dotted = tokens[number : number + 5]
        three = [t.token_type for t in dotted[1::2]] == [TokenType.DOT, TokenType.DOT]
        first = number == 0 or tokens[number - 1].token_type != TokenType.DOT
        if first and three and token.text.lower() in _OTHER_CATALOGS:
            raise QueryFailedError(f"CATALOG_NOT_FOUND: Catalog '{token.text}' does not exist")


def _check_metadata(name: str) -> None:
    table, _, suffix = name.rpartition("$")
    if table and suffix not in _METADATA:
        raise QueryFailedError(f"TABLE_NOT_FOUND: Table '{name}' does not exist")


def _check_literals(tokens: Tokens) -> None:
    """Trino's release 420 (June 2023) brought underscores, and hexadecimal, octal and binary numbers."""
    for token, following in itertools.pairwise(tokens):
        touching = token.token_type == TokenType.NUMBER and following.start == token.end + 1
        based = token.text == "0" and _BASED.match(following.text)
        if touching and (based or _UNDERSCORED.match(following.text)):
            raise QueryFailedError(f"SYNTAX_ERROR: mismatched input '{following.text}'")


def _check_limit(tokens: Tokens) -> None:
    """other-notable-limitations: the most rows of a LIMIT."""
    for token, following in itertools.pairwise(tokens):
        counted = _is_word(token, "limit") and following.token_type == TokenType.NUMBER
        if counted and following.text.isdigit() and int(following.text) > _MOST_ROWS:
            raise QueryFailedError(f"NOT_SUPPORTED: ORDER BY LIMIT > {_MOST_ROWS} is not supported")


def _check_lengths(tokens: Tokens) -> None:
    """engine-versions-reference-0003: at most 127 arguments; other-notable-limitations: at most 254 elements of an array."""
    opened: list[list[str | int]] = []
    for number, token in enumerate(tokens):
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET):
            before = tokens[number - 1] if number else None
            opened.append([before.text.lower() if before and before.token_type in _NAMES else "", 1])
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET) and opened:
            _check_length(str(opened[-1][0]), int(opened.pop()[1]))
        elif token.token_type == TokenType.COMMA and opened:
            opened[-1][1] = int(opened[-1][1]) + 1


def _check_length(name: str, length: int) -> None:
    if name == "array" and length > _MOST_ELEMENTS:
        raise QueryFailedError(
            f"TOO_MANY_ARGUMENTS: Too many arguments for array constructor: more than {_MOST_ELEMENTS}"
        )
    if name not in _NO_FUNCTIONS and length > _MOST_ARGUMENTS:
        raise QueryFailedError(f"TOO_MANY_ARGUMENTS: Too many arguments for function call {name}()")


def _is_word(token: Token, word: str) -> bool:
    return token.token_type == TokenType.VAR and token.text.lower() == word


def _check_parameters(sql: str) -> None:
    """querying-with-prepared-statements: `SELECT ? FROM table` is not supported."""
    if "?" not in sql:
        return
    try:
        parsed = sqlglot.parse_one(sql, dialect="trino")
    except SqlglotError:
        return
    for select in parsed.find_all(exp.Select):
        if any(chosen.find(exp.Placeholder) for chosen in select.expressions):
            raise QueryFailedError("SYNTAX_ERROR: Parameters are not supported in the list of a SELECT")


_NO_FUNCTIONS: Final = frozenset(
    ["", "array", "in", "values", "select", "from", "table", "row", "with", "as"]
)
_CHECKS: Final[tuple[Callable[[Tokens], None], ...]] = (
    _check_table_functions,
    _check_own_functions,
    _check_session,
    _check_names,
    _check_literals,
    _check_limit,
    _check_lengths,
)
