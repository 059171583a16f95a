"""Reads the outer words of a statement.

Statements are cut into tokens by sqlglot, so comments, quotes and brackets are never mistaken. What stands inside, such as the query of a
CTAS, is handed on as it was written, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from local_athena.errors import QueryFailedError
from local_athena.reserved import RESERVED


class _Words(Tokenizer):
    """Words, strings and brackets only: Athena's DDL is Hive's and its queries are Trino's, so no keyword of either counts here."""

    KEYWORDS = {}  # noqa: RUF012 - as sqlglot's metaclass wants it
    COMMANDS = set()  # noqa: RUF012
    COMMAND_PREFIX_TOKENS = set()  # noqa: RUF012
    QUOTES = ["'"]  # noqa: RUF012
    IDENTIFIERS = ['"', "`"]  # noqa: RUF012
    COMMENTS = ["--", ("/*", "*/")]  # noqa: RUF012


_OPENING = {
    TokenType.L_PAREN: TokenType.R_PAREN,
    TokenType.L_BRACKET: TokenType.R_BRACKET,
    TokenType.LT: TokenType.GT,
}
_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
_TEXTS = (TokenType.STRING, TokenType.IDENTIFIER)


def unquoted(word: str) -> str:
    """A word without the quotes around it, doubled quotes made single."""
    word = word.strip()
    quoted = len(word) > 1 and word[0] in "'\"`" and word[-1] == word[0]
    return word[1:-1].replace(word[0] * 2, word[0]) if quoted else word


class Reader:
    """A statement's text, and how far it has been read.

    Attributes:
        text: the statement without the semicolons behind it
    """

    def __init__(self, text: str) -> None:
        try:
            tokens = _Words().tokenize(text)
        except TokenError as e:
            raise QueryFailedError(f"SYNTAX_ERROR: {e}") from e
        while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
            text = text[: tokens.pop().start]
        if any(token.token_type == TokenType.SEMICOLON for token in tokens):
            raise QueryFailedError(f"Only one sql statement is allowed. Got: {text}")
        self.text = text
        self._tokens = tokens
        self._at = 0
        self._named: list[Token] = []

    @property
    def ended(self) -> bool:
        """Nothing is left to read."""
        return self._at >= len(self._tokens)

    @property
    def rest(self) -> str:
        """What has not been read yet, as written."""
        return "" if self.ended else self.text[self._tokens[self._at].start :].strip()

    def tokens(self) -> list[Token]:
        """All tokens from here on."""
        return self._tokens[self._at :]

    def sees(self, *words: str) -> bool:
        """These words come next; `(` and other signs count as words. Quoted names never match."""
        tokens = self._tokens[self._at : self._at + len(words)]
        return len(tokens) == len(words) and all(
            token.token_type not in _TEXTS and token.text.lower() == word
            for token, word in zip(tokens, words, strict=True)
        )

    def takes(self, *words: str) -> bool:
        """Whether these words come next; if so they are read."""
        found = self.sees(*words)
        self._at += len(words) if found else 0
        return found

    def skip_to(self, *words: str) -> bool:
        """Go on to where these words come next at this level of brackets; False, and nowhere, if they do not."""
        begun = self._at
        while not self.ended:
            if self.sees(*words):
                return True
            self._step()
        self._at = begun
        return False

    def name(self) -> list[str]:
        """The parts of a dotted name, in lower case.

        Raises:
            QueryFailedError: no name stands here
        """
        begun = self._at
        parts = [self._part()]
        while self.takes("."):
            parts.append(self._part())
        self._named = self._tokens[begun : self._at : 2]
        return parts

    def hive_name(self) -> list[str]:
        """A name in a statement that Hive's parser reads on Athena: quoted with backticks or not at all.

        Source: https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html

        Raises:
            QueryFailedError: it is quoted otherwise, or a reserved word that is not quoted
        """
        parts = self.name()
        self.check_hive_name()
        return parts

    def check_hive_name(self) -> None:
        """Refuse the name that was read last where Hive's parser would."""
        for token in self._named:
            reserved = token.token_type == TokenType.VAR and token.text.lower() in RESERVED
            if reserved or self.text[token.start] == '"':
                raise QueryFailedError(
                    f"FAILED: ParseException: mismatched input '{self.text[token.start : token.end + 1]}' expecting a name"
                )

    def check_trino_name(self) -> None:
        """Refuse the name that was read last where Trino's parser would."""
        if any(self.text[token.start] == "`" for token in self._named):
            raise QueryFailedError(
                "SYNTAX_ERROR: backquoted identifiers are not supported; use double quotes to quote identifiers"
            )

    def string(self) -> str | None:
        """The text of a quoted string, where one stands here."""
        if self.ended or self._tokens[self._at].token_type not in _TEXTS:
            return None
        self._at += 1
        return self._tokens[self._at - 1].text

    def word(self) -> str:
        """The next word or number, in lower case.

        Raises:
            QueryFailedError: nothing is left
        """
        if self.ended:
            raise QueryFailedError("SYNTAX_ERROR: unexpected end of the statement")
        self._at += 1
        return self._tokens[self._at - 1].text.lower()

    def group(self) -> str:
        """What stands in the brackets that begin here, as written; empty where none do."""
        if self.ended or self._tokens[self._at].token_type not in _OPENING:
            return ""
        first = self._tokens[self._at]
        self._step()
        return self.text[first.end + 1 : self._tokens[self._at - 1].start].strip()

    def _part(self) -> str:
        if self.ended or self._tokens[self._at].token_type not in _NAMES:
            raise QueryFailedError(f"FAILED: ParseException: a name is missing before {self.rest[:60]!r}")
        return self.word()

    def _step(self) -> None:
        """Past one token, or one pair of brackets with all that is in it."""
        closing = _OPENING.get(self._tokens[self._at].token_type)
        self._at += 1
        if closing is None:
            return
        angled = closing == TokenType.GT
        while not self.ended and self._tokens[self._at].token_type != closing:
            inner = self._tokens[self._at].token_type
            if inner == TokenType.LT and not angled:
                self._at += 1  # a comparison: it has no other side
            else:
                self._step()
        self._at += 1


def split(text: str, sign: str = ",") -> list[str]:
    """The parts of a list, as written, split at a sign outside of all brackets."""
    reader, parts, begun = Reader(text), [], 0
    while reader.skip_to(sign):
        at = reader.tokens()[0].start
        parts.append(text[begun:at])
        begun = at + 1
        reader.takes(sign)
    return [part.strip() for part in [*parts, text[begun:]] if part.strip()]


def properties(text: str) -> dict[str, str]:
    """A list of `name = value`: names in lower case and without quotes, values as written."""
    return dict(_pairs(text))


def plain_properties(text: str) -> dict[str, str]:
    """As `properties`, names as they are cased and values without quotes, for TBLPROPERTIES and the like."""
    return {unquoted(name): unquoted(value) for name, _, value in (p.partition("=") for p in split(text))}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in split(text):
        name, sign, value = part.partition("=")
        if not sign:
            raise QueryFailedError(f"SYNTAX_ERROR: {part!r} is no property")
        yield unquoted(name).lower(), value.strip()


def quoted(*parts: str) -> str:
    """A name as Trino reads it, whatever is in its parts."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """A text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def pattern(expression: str) -> re.Pattern[str]:
    """Hive's pattern of SHOW: `*` stands for anything, `|` for or; `.*` is the same as `*`."""
    escaped = re.escape(expression.replace(".*", "*"))
    return re.compile(escaped.replace(r"\*", ".*").replace(r"\|", "|"), re.IGNORECASE)
