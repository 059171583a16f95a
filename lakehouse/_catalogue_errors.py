"""What can befall a question to the catalogue, in our words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    RESTError,
    TableAlreadyExistsError,
)
from sqlalchemy.exc import DBAPIError

from contracts.errors import HeldError, StorageError
from lakehouse._aws import storage_error

P = ParamSpec("P")
R = TypeVar("R")


def told(method: Callable[P, R]) -> Callable[P, R]:
    """A method of the catalogue that raises errors of services in our words."""

    @functools.wraps(method)
    def telling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except (CommitFailedException, TableAlreadyExistsError) as e:
            raise HeldError(f"Another run writes the same table at this moment ({e}). Run again.") from e
        except NoSuchTableError as e:
            raise StorageError(
                f"A table is not in the catalogue, and a release names it ({e}). Was the catalogue, or glue_database_prefix in "
                "lake.toml, changed? Put it back, then run again; or make the lake again from raw."
            ) from e
        except (RESTError, DBAPIError) as e:
            raise StorageError(
                f"The catalogue did not do as asked, or its answer was lost ({_first_line(e)}). Nothing is deleted that it may name. "
                "Run again: the next run finds out, and goes on."
            ) from e
        except Exception as e:
            error = storage_error(e, "The catalogue or its files")
            if error is None:
                raise
            raise error from e

    return telling


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
