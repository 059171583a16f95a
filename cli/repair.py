"""`lake quarantine repair`: rejected records made valid by a rule."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cli import console
from cli.options import examples, json_option, lake_option


@click.command(
    epilog=examples(
        "lake quarantine repair --rule rules/decimal-commas.yaml --dry-run",
        "lake quarantine repair --rule rules/decimal-commas.yaml",
    )
)
@lake_option
@click.option(
    "--rule",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File of the rule.",
)
@click.option("--dry-run", is_flag=True, help="Say what would come in, and let nothing in.")
@json_option
def repair(folder: Path, path: Path, *, dry_run: bool, as_json: bool) -> None:
    """Try a rule on rejected records, and let those that it makes valid in again, by the event log.

    Such a record keeps its event_id and names the rule. A second time adds nothing. The rejected record stays in quarantine.
    """
    from contracts.repairs import load_repair_rule
    from lakehouse.lake import Lake
    from pipeline.repair import repair as try_rule

    lake = Lake.open(folder)
    report = try_rule(lake, load_repair_rule(path), dry_run=dry_run)
    if as_json:
        console.print_json({**asdict(report), "failing": dict(report.failing)})
        return
    for example in report.examples:
        shown = [
            {"": name, "record": text}
            for name, text in (("before", example.before), ("after", example.after))
        ]
        console.print_rows(shown, title=example.place)
    counts = {name: getattr(report, name) for name in ("matched", "fixed", "already_in")}
    console.print_rows([{**counts, "still_failing": report.failing.total()}])
    console.print_rows([{"error_type": k, "still_failing": v} for k, v in report.failing.most_common()])
    done = "would be let in. Nothing was." if dry_run else "let in again."
    console.say(f"{report.fixed} records {done} Next: lake run --lake {folder}")
