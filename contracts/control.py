"""Control totals: what a drop says of itself in its first and last line, so that one that was cut off or altered is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contracts._located import Located
from contracts.targets import Expression, expression

_CONTROL: Final = frozenset({"header", "rows", "trailer", "totals"})


@dataclass(frozen=True, slots=True)
class Total:
    """What the header or trailer says, and what the rows make of it: both SQL, the latter over all rows of the file."""

    says: Expression
    rows: Expression


@dataclass(frozen=True, slots=True)
class Control:
    """The first fields by which lines are told apart; without `rows` every line between is one. `header` may be missing."""

    header: str | None
    rows: str | None
    trailer: str
    totals: tuple[Total, ...]


def parse_control(node: Located) -> Control | None:
    """The control totals of a section's files, where it has any.

    Raises:
        ContractError: for the first mistake, naming file and line.
    """
    if "control" not in node:
        return None
    control = node["control"]
    if not isinstance(control, Located):
        raise node.error("'control' is a mapping of header, rows, trailer and totals", "control")
    control.refuse_unknown(_CONTROL, "key")
    totals = control.get("totals")
    if not control.get("trailer") or not isinstance(totals, list) or not totals:
        raise control.error("'control' names the trailer's first field, and a list of totals")
    if not node.get("columns"):
        raise node.error("files with control totals name their 'columns' here", "control")
    return Control(
        header=_word(control, "header"),
        rows=_word(control, "rows"),
        trailer=str(control["trailer"]),
        totals=tuple(_total(each, control) for each in totals),
    )


def _total(node: Located, parent: Located) -> Total:
    if not isinstance(node, Located) or set(node) != {"says", "rows"}:
        raise parent.error(
            "a total has 'says', over _header and _trailer, and 'rows', over all rows", "totals"
        )
    return Total(expression(node["says"], node, "says"), expression(node["rows"], node, "rows"))


def _word(node: Located, key: str) -> str | None:
    return str(node[key]) if key in node else None
