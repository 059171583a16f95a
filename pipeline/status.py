"""What a lake holds and whether its accounts are in order."""

from __future__ import annotations

from typing import Any

import duckdb

from contracts.layout import curated_table
from lakehouse.lake import Lake
from lakehouse.sql import connect, query, release_of
from pipeline.pause import pause_of
from pipeline.recovery import lost_runs
from pipeline.undo import newest_curate

_ACCOUNTS = """
select
    coalesce(sum(records), 0)::bigint as received, coalesce(sum(curated), 0)::bigint as curated,
    coalesce(sum(duplicates), 0)::bigint as duplicates, coalesce(sum(quarantined), 0)::bigint as quarantined,
    coalesce(sum(erased), 0)::bigint as erased
from platform.ledger
"""
_UNEVEN = """
with accounts as (
    select raw_object, sum(records) as records, sum(curated) as curated, sum(duplicates) as duplicates,
        sum(quarantined) as quarantined, sum(erased) as erased
    from platform.ledger group by raw_object
), stored as (
    select raw_object, count(*) as rows from ({rows}) group by raw_object
), rejected as (
    select raw_object, count(*) as rows from platform.quarantine group by raw_object
), gaps as (
    select
        accounts.records - coalesce(stored.rows, 0) - coalesce(rejected.rows, 0) - accounts.duplicates - accounts.erased as gap
    from accounts
    left join stored using (raw_object)
    left join rejected using (raw_object)
)
select
    coalesce(sum(greatest(gap, 0)), 0)::bigint as missing, coalesce(sum(greatest(-gap, 0)), 0)::bigint as extra
from gaps
"""


def status_of(lake: Lake) -> dict[str, Any]:
    """Accounts, tables and notes of the newest release.

    `missing` and `extra` compare, object by object, the ledger with the rows that are really in the tables.
    """
    release = release_of(lake)
    with connect(lake, release) as connection:
        accounts = _one(connection, _ACCOUNTS)
        events = sorted(lake.declarations.events)
        rows = " union all ".join(f"select raw_object from {curated_table(name)}" for name in events)
        gaps = _one(connection, _UNEVEN.format(rows=rows))
        dated = {curated_table(name) for name in events}
        tables = (
            [_table(connection, name, dated=name in dated) for name in sorted(release.tables)]
            if release
            else []
        )
    return {
        "release": release.number if release else None,
        "newest_curate": curated.run_id if (curated := newest_curate(lake)) else None,
        "accounts": {**accounts, **gaps},
        **gaps,
        "tables": tables,
        "notes": _notes(lake, built=release.built if release else 0, newest=release.number if release else 0),
    }


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    row: dict[str, Any] = query(connection, sql).to_pylist()[0]
    return row


def _table(connection: duckdb.DuckDBPyConnection, identifier: str, *, dated: bool) -> dict[str, Any]:
    newest = "max(occurred_at)" if dated else "null"
    return {
        "table": identifier,
        **_one(connection, f"select count(*) as rows, {newest} as newest from {identifier}"),
    }


def _notes(lake: Lake, *, built: int, newest: int) -> list[str]:
    notes = [
        f"Run {lost.run_id} was lost; its {len(lost.files)} files are deleted after the grace."
        for lost in lost_runs(lake)
    ]
    if found := pause_of(lake):
        notes.append(f"Paused since {found.since:%Y-%m-%d %H:%M:%SZ}: {found.reason.rstrip('.')}.")
    if lake.releases.unfinished() is not None:
        notes.append("A run was broken off while publishing; the next run finishes it.")
    if newest and built < newest - 1:
        notes.append("Curated is ahead of the marts: run `lake build`.")
    return notes


def quarantine_counts(lake: Lake, by: str) -> list[dict[str, Any]]:
    """Quarantined records counted by a column, the most first, with an example message."""
    with connect(lake, release_of(lake)) as connection:
        sql = f"select {by}, count(*) as records, min(error_message) as example from platform.quarantine group by 1 order by 2 desc, 1"
        return query(connection, sql).to_pylist()  # type: ignore[no-any-return]


def quarantined(
    lake: Lake, *, error_type: str | None, event_type: str | None, limit: int
) -> list[dict[str, Any]]:
    """Quarantined records, the newest first, with their original bytes."""
    columns = [f.name for f in lake.declarations.tables["quarantine"].fields]
    with connect(lake, release_of(lake)) as connection:
        relation = connection.execute(
            f"select {', '.join(columns)} from platform.quarantine where ($1 is null or error_type = $1) and ($2 is null or event_type = $2)"
            " order by quarantined_at desc, raw_object, raw_record limit $3",
            [error_type, event_type, limit],
        )
        return [dict(zip(columns, row, strict=True)) for row in relation.fetchall()]
