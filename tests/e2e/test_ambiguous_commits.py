"""A commit of a table whose answer is lost, or that fails, whether or not it happened: nothing it wrote is missed, the next run goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from holdings import accounts, assert_conserved, branches, holdings, named_parquet_files, parquet_files
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    ForbiddenError,
    ServerError,
)
from shop_raw import HOUR, MONDAY, put, sent
from sqlalchemy.exc import OperationalError

from contracts.errors import LakeError
from lakehouse.lake import Lake
from pipeline.curate import curate

ERRORS: Final[dict[str, Callable[[], Exception]]] = {
    "conflict": lambda: CommitFailedException("main moved"),
    "unknown": lambda: CommitStateUnknownException("the answer was lost"),
    "denied": lambda: ForbiddenError("not allowed"),
    "server": lambda: ServerError("500"),
    "timeout": lambda: OperationalError("commit", {}, TimeoutError("timed out")),
}


STEP: Final = 4
"""Every so many commits one is tried; the stages and the swaps of tables are of one kind each."""


class Commits:
    """Stands before the catalogue's commits; one of them fails, done or not."""

    def __init__(self, lake: Lake, number: int, error: Callable[[], Exception], *, happens: bool) -> None:
        self._catalog = lake.catalogue._catalog  # noqa: SLF001 where commits go
        self._real = self._catalog.commit_table
        self._number, self._error, self._happens = number, error, happens
        self.seen = 0
        self._catalog.commit_table = self  # type: ignore[method-assign,assignment]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Commit, or fail."""
        self.seen += 1
        if self.seen != self._number:
            return self._real(*arguments, **named)
        if self._happens:
            self._real(*arguments, **named)
        raise self._error()


def fill(lake: Lake) -> None:
    put(
        lake, "a", sent("page_viewed", "e-1"), sent("order_placed", "o-1", at=MONDAY + HOUR, order_id="later")
    )
    curate(lake)
    put(lake, "b", sent("page_viewed", "e-2"), sent("order_placed", "o-1", order_id="earlier"), b"no JSON")


def commits_of_a_run(folder: Path) -> int:
    """How many commits the second run makes where all goes well."""
    lake = Lake.create(folder)
    fill(lake)
    commits = Commits(lake, 0, ERRORS["unknown"], happens=False)
    curate(lake)
    return commits.seen


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    lake = Lake.create(tmp_path_factory.mktemp("undisturbed") / "lake")
    fill(lake)
    curate(lake)
    return holdings(lake), accounts(lake)


@pytest.mark.parametrize("happens", [False, True], ids=["not-done", "done"])
@pytest.mark.parametrize("kind", ERRORS)
def test_whichever_commit_fails_however_the_next_run_makes_it_good(
    tmp_path: Path, undisturbed: tuple[object, ...], kind: str, *, happens: bool
) -> None:
    total = commits_of_a_run(tmp_path / "counted")
    assert total > 8
    for number in range(1, total + 1, STEP):
        lake = Lake.create(tmp_path / f"lake-{number}")
        fill(lake)
        commits = Commits(lake, number, ERRORS[kind], happens=happens)
        with contextlib.suppress(LakeError):
            curate(lake)
        assert commits.seen >= number
        lake = Lake.open(lake.root)
        curate(lake)
        assert (holdings(lake), accounts(lake)) == undisturbed, number
        assert_conserved(lake)
        assert branches(lake) == set(), number
        assert named_parquet_files(lake) <= parquet_files(lake), number
