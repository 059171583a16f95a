"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

lake_option = click.option(
    "--lake",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="LAKE_HOME",
    default=Path("lake"),
    show_default=True,
    show_envvar=True,
    help="Folder of the lake.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


def examples(*lines: str) -> str:
    """An epilog with examples, kept as they are written."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
