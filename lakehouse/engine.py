"""What runs the road's functions: this machine's processes, or Spark's executors.

An engine decides where a function runs and on which rows, never what it computes; so results cannot differ between engines
unless they depend on how rows were dealt out.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from contracts.errors import EngineError
from lakehouse.lake import Lake
from lakehouse.store import Store

T = TypeVar("T")
R = TypeVar("R")

OnObjects: TypeAlias = Callable[[list[tuple[str, bytes]]], R]
"""What is done with raw objects, given by name and bytes as stored."""

PROCESSES: Final = 2
WORTH_A_POOL: Final = 24 * 1024 * 1024
"""Bytes of raw below which starting processes costs more than it saves."""


class Engine(Protocol):
    """Runs functions of plain data; functions, arguments and results must survive pickling."""

    slice_bytes: int
    """Raw bytes that one run takes at the most."""
    works_beside: bool
    """True when work goes on in other processes while this one does something else."""
    bytes_read: int
    """Bytes of raw objects read so far, as stored."""

    def objects(self, task: OnObjects[R], store: Store, batches: Sequence[Sequence[str]]) -> Iterator[R]:
        """Run `task([(name, bytes), …])` for every batch of raw objects, each object read once; results come as they are done.

        Work begins at once, not when the first result is asked for.
        """

    def each(self, task: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Run `task(item)` for every item; pairs of the item's place and the result come as they are done."""

    def by_key(
        self,
        read: Callable[[T], pa.Table],
        items: Sequence[T],
        key: Sequence[str],
        schema: pa.Schema,
        task: Callable[[int, pa.Table], R],
    ) -> list[R]:
        """Read rows of one schema from every item, bring those of one key together, and run `task(number, rows)` for each lot.

        A lot has the rows of any number of keys; a key is never in two lots. `number` tells the lots apart.
        """


class LocalEngine:
    """This machine: two processes where there is much to do, this very process for little."""

    slice_bytes = 128 * 1024 * 1024

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.bytes_read = 0
        self.works_beside = not isinstance(executor, _Inline)

    def objects(self, task: OnObjects[R], store: Store, batches: Sequence[Sequence[str]]) -> Iterator[R]:
        """See `Engine`."""
        jobs = [self._executor.submit(_on_objects, task, store, names) for names in batches]
        return (self._counted(*_result(job)) for job in as_completed(jobs))

    def _counted(self, size: int, result: R) -> R:
        self.bytes_read += size
        return result

    def each(self, task: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """See `Engine`."""
        jobs = {self._executor.submit(_on_item, task, item): place for place, item in enumerate(items)}
        return ((jobs[job], _result(job)) for job in as_completed(jobs))

    def by_key(
        self,
        read: Callable[[T], pa.Table],
        items: Sequence[T],
        key: Sequence[str],  # noqa: ARG002 one lot holds every key
        schema: pa.Schema,  # noqa: ARG002 what was read is used as it is
        task: Callable[[int, pa.Table], R],
    ) -> list[R]:
        """See `Engine`. Everything is one lot, in this process: DuckDB has both cores to itself."""
        rows = [read(item) for item in items]
        return [task(0, pa.concat_tables(rows).unify_dictionaries())] if rows else []


@contextmanager
def open_engine(lake: Lake, raw_bytes: int, *, preload: Sequence[str] = ()) -> Iterator[Engine]:
    """The engine that the lake's profile names, for as long as a verb lasts.

    Args:
        lake: the lake.
        raw_bytes: how much there is to do.
        preload: modules that worker processes import before they are needed.
    """
    if lake.profile.engine == "spark":
        from lakehouse._spark import open_spark  # noqa: PLC0415 the embedded road knows no Spark

        with open_spark(lake) as spark:
            yield spark
    elif raw_bytes < WORTH_A_POOL:
        yield LocalEngine(_Inline())
    else:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(preload))
        with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_start_worker) as pool:
            yield LocalEngine(pool)


class _Inline(Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as e:  # noqa: BLE001 the future carries it to the caller
            future.set_exception(e)
        return future


def _result(job: Future[R]) -> R:
    try:
        return job.result()
    except BrokenProcessPool as e:
        raise EngineError(
            "A worker process was killed, perhaps for lack of memory. Nothing was published; running again is safe."
        ) from e


def on_objects(task: OnObjects[R], store: Store, names: Sequence[str]) -> tuple[int, R]:
    """Read objects and run a task on them: the bytes read, and the result."""
    objects = [(name, store.read(name)) for name in names]
    return sum(len(data) for _, data in objects), task(objects)


def _on_objects(task: OnObjects[R], store: Store, names: Sequence[str]) -> tuple[int, R]:
    result = on_objects(task, store, names)
    _tidy()
    return result


def _on_item(task: Callable[[T], R], item: T) -> R:
    result = task(item)
    _tidy()
    return result


def _start_worker() -> None:
    """Decoded records are many and hold no cycles; the cyclic collector would make decoding several times slower.

    What little garbage there is goes between jobs.
    """
    gc.disable()
    gc.freeze()


def _tidy() -> None:
    """Give memory back between jobs, in a worker process: elsewhere the collector does so by itself."""
    if not gc.isenabled():
        gc.collect()
        pa.default_memory_pool().release_unused()
