"""Spark as an engine: it deals work out to executors, brings keys together by its shuffle, and tries failed tasks again.

What runs there is Python, Arrow and DuckDB, inside `mapInArrow`, the same functions as on one machine.
"""

from __future__ import annotations

import functools
import gc
import itertools
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import SparkConf, TaskContext
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from contracts.errors import EngineError, LakeError, StorageError, UsageError
from lakehouse.engine import OnObjects, on_objects
from lakehouse.lake import Lake
from lakehouse.store import Store

T = TypeVar("T")
R = TypeVar("R")

_CALLS: Final = pa.schema([("number", pa.int64()), ("call", pa.binary())])
_RESULTS: Final = pa.schema([("number", pa.int64()), ("result", pa.binary())])
_BATCH_ROWS: Final = 65_536
_TRIES: Final = 4
_TASKS_PER_CORE: Final = 4
_QUIET: Final = Path(__file__).with_name("spark-log4j2.properties")
_SETTINGS: Final = {
    "spark.app.name": "unified-commerce-lake",
    "spark.sql.session.timeZone": "UTC",
    "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dlog4j2.configurationFile={_QUIET.as_uri()}",
    "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
    "spark.speculation": "false",  # two attempts at once would write one file
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(_BATCH_ROWS),
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


class SparkEngine:
    """Spark's executors."""

    slice_bytes = 8 * 1024 * 1024 * 1024
    works_beside = True

    def __init__(self, session: SparkSession, *, partitions: int | None) -> None:
        """`partitions` is the number of lots that keys are dealt into; None for as many as there are cores."""
        self.session = session
        self.bytes_read = 0
        self._partitions = partitions or session.sparkContext.defaultParallelism

    def objects(self, task: OnObjects[R], store: Store, batches: Sequence[Sequence[str]]) -> Iterator[R]:
        """See `lakehouse.engine.Engine`."""
        results = self.each(functools.partial(on_objects, task, store), batches)
        return (self._counted(*result) for _, result in results)

    def _counted(self, size: int, result: R) -> R:
        self.bytes_read += size
        return result

    def each(self, task: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """See `lakehouse.engine.Engine`. Results come together, when all are done."""
        return self._results(
            self._calls(items).mapInArrow(functools.partial(_run_calls, task), _ddl(_RESULTS))
        )

    def by_key(
        self,
        read: Callable[[T], pa.Table],
        items: Sequence[T],
        key: Sequence[str],
        schema: pa.Schema,
        task: Callable[[int, pa.Table], R],
    ) -> list[R]:
        """See `lakehouse.engine.Engine`."""
        rows = self._calls(items).mapInArrow(functools.partial(_read_rows, read, schema), _ddl(schema))
        dealt = rows.repartition(self._partitions, *key)
        lots = dealt.mapInArrow(functools.partial(_run_lot, task, schema), _ddl(_RESULTS))
        return [result for _, result in self._results(lots)]

    def _calls(self, items: Sequence[Any]) -> DataFrame:
        """A row for each item, dealt out to a few tasks for each core."""
        context = self.session.sparkContext
        rows = [(number, pickle.dumps(item)) for number, item in enumerate(items)]
        tasks = max(1, min(len(rows), _TASKS_PER_CORE * context.defaultParallelism))
        return self.session.createDataFrame(context.parallelize(rows, tasks), _ddl(_CALLS))

    def _results(self, frame: DataFrame) -> Iterator[tuple[int, Any]]:
        try:
            rows = frame.collect()
        except (PySparkException, Py4JError) as e:
            raise EngineError(
                f"Spark gave up: {_first_line(e)} Nothing was published; running again is safe."
            ) from e
        return ((row["number"], _unpacked(row["result"])) for row in rows)


@contextmanager
def open_spark(lake: Lake) -> Iterator[SparkEngine]:
    """An engine on the session that there is (as on Glue), or on one of this machine's own, ended afterwards.

    Raises:
        UsageError: when there is no Java that Spark can run on.
    """
    there = SparkSession.getActiveSession()
    session = there or start()
    try:
        yield SparkEngine(session, partitions=lake.profile.partitions)
    finally:
        if there is None:
            session.stop()


def start() -> SparkSession:
    """A session of this machine's own; the engine takes it while it is active.

    Raises:
        UsageError: when there is no Java that Spark can run on.
    """
    check_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    conf = SparkConf()
    for name, value in _SETTINGS.items():
        conf.setIfMissing(name, value)
    conf.setIfMissing("spark.master", f"local[{os.cpu_count()},{_TRIES}]")
    return SparkSession.builder.config(conf=conf).getOrCreate()


def check_java() -> None:
    """See that there is a Java that Spark 4 runs on.

    Raises:
        UsageError: when there is none; the message says how to get one.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    found = _java_version(java) if java else None
    if found is None or found < 17:  # noqa: PLR2004 Spark 4's own minimum
        what = f"found Java {found}" if found else "found no Java"
        raise UsageError(
            f"The Spark engine needs Java 17 and {what}. Install it (Debian: `apt-get install openjdk-17-jre-headless`) or set JAVA_HOME."
        )


def _java_version(java: str) -> int | None:
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 the user's own Java
    except OSError:
        return None
    match = re.search(r'version "(\d+)', done.stderr)
    return int(match[1]) if match else None


def _ddl(schema: pa.Schema) -> Any:
    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{lines[-1] if lines else type(error).__name__}".strip()


# What follows runs in the executors.


@functools.cache
def _forget_archives() -> None:
    """Take pyspark's archives off the path where pyspark is installed as a package too.

    Python reads every archive on its path anew when a task begins (half a second of each task, before Python 3.13).
    """
    kept = [entry for entry in sys.path if not entry.endswith(".zip")]
    if any((Path(entry) / "pyspark" / "sql").is_dir() for entry in kept):
        sys.path[:] = kept
        for entry in [entry for entry in sys.path_importer_cache if ".zip" in entry]:
            del sys.path_importer_cache[entry]


def _run_calls(task: Callable[[Any], Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for row in batch.to_pylist():
            yield _packed(row["number"], functools.partial(task, pickle.loads(row["call"])))  # noqa: S301 our own


def _read_rows(
    read: Callable[[Any], pa.Table], schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for row in batch.to_pylist():
            table = read(pickle.loads(row["call"]))  # noqa: S301 our own
            yield from _exactly(table, schema).to_batches(_BATCH_ROWS)


def _run_lot(
    task: Callable[[int, pa.Table], Any], schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    first = next(batches, None)
    if first is None:
        return
    rows = pa.Table.from_batches(list(itertools.chain([first], batches)))
    number = TaskContext.get().partitionId()  # type: ignore[union-attr]  # a task always has one
    yield _packed(number, functools.partial(task, number, _exactly(rows, schema)))


def _exactly(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in exactly this schema, by name: Spark matches columns by place and drops extra ones without a word."""
    return pa.table([table[field.name].cast(field.type) for field in schema], schema=schema)


def _packed(number: int, call: Callable[[], Any]) -> pa.RecordBatch:
    """A row of the result; what the project raises on purpose is a result too, as trying again would not mend it."""
    _forget_archives()
    gc.disable()  # decoded records are many and hold no cycles
    try:
        result = call()
    except LakeError as e:
        result = _Raised(type(e), str(e))
    finally:
        gc.enable()
    return pa.record_batch([[number], [pickle.dumps(result)]], schema=_RESULTS)


class _Raised:
    def __init__(self, kind: type[LakeError], message: str) -> None:
        self.kind = kind
        self.message = message


def _unpacked(result: bytes) -> Any:
    value = pickle.loads(result)  # noqa: S301 our own
    if isinstance(value, _Raised):
        raise (StorageError if value.kind is StorageError else EngineError)(value.message)
    return value
