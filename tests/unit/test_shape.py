from __future__ import annotations

import ast
import statistics
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "cli", "contracts", "glue_jobs", "ingestion", "lakehouse", "lambda_handlers", "local_athena", "pipeline", "simulator",
    "transforms",
)  # fmt: skip
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
GRAB_BAGS = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "shared"}


class Function(NamedTuple):
    lines: int
    where: str


def functions() -> list[Function]:
    return [
        Function(
            (node.end_lineno or node.lineno) - node.lineno + 1,
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}",
        )
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


LONGEST_FIRST = sorted(functions(), reverse=True)
LENGTHS = [f.lines for f in LONGEST_FIRST]


def test_there_is_code_to_measure_in_every_package() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)
    assert len(LENGTHS) > 500


def test_the_median_function_has_at_most_8_lines() -> None:
    assert statistics.median(LENGTHS) <= 8


def test_nine_in_ten_functions_have_at_most_25_lines() -> None:
    assert statistics.quantiles(LENGTHS, n=10)[-1] <= 25, LONGEST_FIRST[:20]


def test_no_function_has_more_than_70_lines() -> None:
    assert [f for f in LONGEST_FIRST if f.lines > 70] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_no_module_is_a_grab_bag() -> None:
    words = {
        path: set(path.stem.strip("_").split("_")) | set(path.relative_to(ROOT).parts[:-1]) for path in FILES
    }
    assert [path for path, found in words.items() if found & GRAB_BAGS] == []
