"""Words that names in DDL are only with backticks around them.

Source: https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html, list of reserved keywords in DDL statements.
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = """
    all alter and array as authorization between bigint binary boolean both by case cashe cast char column commit conf
    constraint create cross cube current current_date current_timestamp cursor database date dayofweek decimal delete
    describe distinct double drop else end exchange exists extended external extract false fetch float floor following
    for foreign from full function grant group grouping having if import in inner insert int integer intersect interval
    into is join lateral left less like local macro map more none not null numeric of on only or order out outer over
    partialscan partition percent preceding precision preserve primary procedure range reads reduce references regexp
    revoke right rlike rollback rollup row rows select set smallint start table tablesample then time timestamp to
    transform trigger true truncate unbounded union uniquejoin update user using utc_timestamp values varchar views when
    where window with
"""
RESERVED: Final = frozenset(_WORDS.split())
