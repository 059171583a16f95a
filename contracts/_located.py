"""YAML with line numbers, so that an error can name file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import ContractError, UsageError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where the wheel has it: ten times faster, and every process reads the contracts."""


class Located(dict[str, Any]):
    """A mapping that knows its file, its line and the line of each key."""

    path: Path
    line: int
    lines: dict[str, int]

    def error(self, message: str, key: str | None = None) -> ContractError:
        """The error for `key` of this mapping (or for the mapping itself)."""
        return ContractError(message, path=self.path, line=self.lines.get(key or "", self.line))

    def refuse_unknown(self, allowed: frozenset[str], what: str) -> None:
        """Raise for the first key that is not in `allowed`."""
        for key in self:
            if key not in allowed:
                known = ", ".join(sorted(allowed))
                raise self.error(f"{what} {key!r} is not supported; use one of: {known}", key)


def load_located(path: Path) -> Located:
    """Read one YAML mapping.

    Raises:
        ContractError: when the file is not YAML, not a mapping, or repeats a key.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise ContractError(f"not YAML: {e.problem}", path=path, line=line) from e
    if not isinstance(node, yaml.MappingNode):
        raise ContractError("a mapping is expected at the top", path=path, line=1)
    located: Located = _construct(node, path)
    return located


def load_declared(path: Path, what: str, *, keys: frozenset[str], demanded: Iterable[str]) -> Located:
    """Read a file that declares one thing.

    Args:
        path: the file.
        what: what it declares, with its article.
        keys: those it may have.
        demanded: those it must have.

    Raises:
        ContractError: for the first mistake, naming file and line.
        UsageError: when there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"{path} is not there, or no file. Write {what} first.")
    node = load_located(path)
    node.refuse_unknown(keys, "key")
    for key in demanded:
        if not node.get(key):
            raise node.error(f"{what} says its {key!r}")
    return node


def _construct(node: yaml.Node, path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, path) for child in node.value]
    return yaml.SafeLoader("").construct_object(node)


def _mapping(node: yaml.MappingNode, path: Path) -> Located:
    found = Located()
    found.path, found.line, found.lines = path, node.start_mark.line + 1, {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in found:
            raise ContractError(f"key {key!r} stands twice; keep one", path=path, line=line)
        found.lines[key] = line
        found[key] = _construct(value_node, path)
    return found
