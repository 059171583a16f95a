"""`lake pseudonyms`: the keys by which personal values become pseudonyms."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from cli import console
from cli.options import examples, json_option, lake_option


@click.group()
def pseudonyms() -> None:
    """Keys by which personal values become pseudonyms."""


@pseudonyms.command("list", epilog=examples("lake pseudonyms list"))
@lake_option
@json_option
def list_keys(folder: Path, *, as_json: bool) -> None:
    """The keys there are, by name; never the keys themselves."""
    from lakehouse.lake import Lake

    columns = ["key_id", "made_at", "bridged_until"]
    rows = [
        {name: _text(getattr(key, name)) for name in columns}
        for key in Lake.open(folder).pseudonym_keys.all()
    ]
    console.print_json(rows) if as_json else console.print_rows(rows, columns=columns)


@pseudonyms.command("rotate", epilog=examples("lake pseudonyms rotate --overlap-days 30"))
@click.option(
    "--overlap-days",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="For so long, pairs of old and new pseudonyms are written.",
)
@lake_option
def rotate(folder: Path, overlap_days: int) -> None:
    """Make a new key. Runs that begin from now on use it; rows that are there keep their pseudonyms.

    For the overlap, platform.pseudonyms gets the pairs of old and new, so that joins across the rotation go on.
    """
    from lakehouse.lake import Lake

    key = Lake.open(folder).pseudonym_keys.rotate(dt.datetime.now(dt.UTC), dt.timedelta(days=overlap_days))
    console.say(f"Key {key.key_id} is in force. Pairs are written until {_text(key.bridged_until)}.")


def _text(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, dt.datetime) else str(value or "")
