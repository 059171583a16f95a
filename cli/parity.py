"""`lake parity`: the same raw on both engines, compared table by table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from cli import console
from cli.options import examples, json_option, lake_option


@click.command(
    epilog=examples("lake parity", "lake parity --partitions 2 --partitions 7 --increments 3 --keep parity")
)
@lake_option
@click.option(
    "--partitions", type=click.IntRange(1), multiple=True, default=(2,), show_default=True,
    help="Into how many lots Spark deals keys; one way for each.",
)  # fmt: skip
@click.option(
    "--increments", type=click.IntRange(1), default=3, show_default=True,
    help="One more way on each engine: arrival shuffled, and cut into so many runs.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the lakes that were compared, in this new folder."
)  # fmt: skip
@json_option
def parity(
    folder: Path, partitions: tuple[int, ...], increments: int, keep: Path | None, *, as_json: bool
) -> None:
    """Curate and derive the lake's raw on DuckDB and on Spark, in lakes of their own, and compare every table.

    Exits 1 when a table differs. The lake itself is only read.
    """
    from contracts.errors import ParityError
    from lakehouse.lake import Lake
    from pipeline.parity import Way, differing_rows
    from pipeline.parity import parity as compare

    lake = Lake.open(folder)
    ways = [Way("duckdb"), *(Way("spark", number) for number in partitions)]
    if increments > 1:
        ways += [Way("duckdb", increments=increments), Way("spark", partitions[0], increments)]
    with tempfile.TemporaryDirectory(prefix="parity-") as temporary, console.progress_bar() as progress:
        scratch = keep or Path(temporary)
        tables = compare(lake, ways, scratch, progress=progress)
        unequal = [table.table for table in tables if not table.is_equal]
        samples = {table: differing_rows(scratch, ways, table) for table in unequal}
    rows = [
        {"table": t.table, "rows": t.rows, **t.hashes, "equal": "yes" if t.is_equal else "NO"} for t in tables
    ]
    console.print_json(rows) if as_json else console.print_rows(rows, title="The same raw, every way")
    for table, sample in samples.items():
        console.say(f"\n{table}\n{sample}")
    if unequal:
        raise ParityError(
            f"{len(unequal)} of {len(tables)} tables differ: {', '.join(unequal)}. Look closer with --keep."
        )
