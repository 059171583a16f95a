"""`lake link`: who may be the same person."""

from __future__ import annotations

from pathlib import Path

import click

from cli import console
from cli.options import examples, json_option, lake_option


@click.command(epilog=examples("lake link", "lake link --threshold 0.5 --json | jq .bands"))
@lake_option
@click.option(
    "--threshold", type=click.FloatRange(0, 1), default=0.9, show_default=True, help="The least probability of a proposal."
)  # fmt: skip
@json_option
def link(folder: Path, threshold: float, *, as_json: bool) -> None:
    """Propose which persons may be one, by likeness of names, birth date and postcode (needs the extra `linkage`).

    Only the CRM joins persons: a proposal that is accepted comes back as a customer_updated with merged_customer_ids.
    """
    from lakehouse.lake import Lake
    from pipeline.linkage import link as compare

    found = compare(Lake.open(folder), threshold)
    proposals = found.proposals.to_pylist()
    if as_json:
        console.print_json({"persons": found.persons, "bands": found.bands(), "proposals": proposals})
        return
    rows = [
        row | {"probability": round(row["probability"], 4), "equal_fields": ", ".join(row["equal_fields"])}
        for row in proposals
    ]
    console.print_rows(rows, columns=["person_id", "other_person_id", "probability", "equal_fields"])
    counts = ", ".join(
        f"{b['proposals']} from {b['from_probability']}" for b in found.bands() if b["proposals"]
    )
    console.say(
        f"{len(rows)} proposals among {found.persons} persons ({counts or 'none'}). Nobody was joined."
    )
