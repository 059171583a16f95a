"""Reference pages into a folder: `python -m cli.reference docs/reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cli.main import lake
from contracts.declarations import load_declarations
from contracts.reference import write_reference

_WIDTH: Final = 110


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def reference(folder: Path) -> None:
    """Write a page per event type, their index, and a page of the command line into FOLDER."""
    pages = write_reference(load_declarations(), folder)
    (folder / "command-line.md").write_text(command_line_page(), encoding="utf-8")
    click.echo(f"{len(pages) + 1} pages are in {folder}.", err=True)


def command_line_page() -> str:
    """The help of every command, in Markdown."""
    parts = (f"## {path}\n\n```\n{text}\n```" for path, text in _helps("lake", lake, None))
    return "\n\n".join(["# The command line", *parts]) + "\n"


def _helps(name: str, command: click.Command, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Each command's path and help, groups before their members."""
    settings = {**command.context_settings, "terminal_width": _WIDTH}
    context = click.Context(command, parent, info_name=name, **settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            yield from _helps(member, command.commands[member], context)


if __name__ == "__main__":
    reference()
