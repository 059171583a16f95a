"""Small tables of text, as tests and the documentation write them."""

from __future__ import annotations


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a table in Markdown (`| a | b |`), by the names in its head."""
    lines = [line.strip().strip("|").split("|") for line in text.splitlines() if line.strip().startswith("|")]
    head, *body = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(head, cells, strict=True)) for cells in body if set("".join(cells)) - set("-: ")]


def titled(text: str) -> dict[str, list[dict[str, str]]]:
    """Every table of a Markdown text, by the heading above it."""
    parts = [part.partition("\n") for part in text.split("\n## ")[1:]]
    return {title.strip(): rows(body) for title, _, body in parts}
