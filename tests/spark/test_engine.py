"""The Spark engine does what the engine of one machine does."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from contracts.errors import EngineError, StorageError, UsageError
from lakehouse._spark import SparkEngine, check_java
from lakehouse.store import FileStore

SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64())])


@pytest.fixture
def engine(session: Any) -> SparkEngine:
    return SparkEngine(session, partitions=3)


def doubled(item: int) -> int:
    return 2 * item


def test_each_item_has_its_result(engine: SparkEngine) -> None:
    assert sorted(engine.each(doubled, range(40))) == [(i, 2 * i) for i in range(40)]


def test_nothing_to_do_is_no_work(engine: SparkEngine) -> None:
    assert list(engine.each(doubled, [])) == []


def test_every_object_is_read_once(engine: SparkEngine, tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    names = [f"h/{i}" for i in range(9)]
    for name in names:
        store.write(name, name.encode())
    found = list(engine.objects(list, store, [names[:4], names[4:5], names[5:]]))
    assert sorted(chain.from_iterable(found)) == [(name, name.encode()) for name in names]


def test_a_key_is_in_one_lot_and_no_row_is_lost(engine: SparkEngine) -> None:
    items = [pa.table({"number": [i, i + 100], "key": [f"k{i % 7}", f"k{i % 5}"]}) for i in range(30)]
    lots = engine.by_key(
        lambda table: table, items, ["key"], SCHEMA, lambda number, rows: (number, rows.to_pylist())
    )
    rows = [row for _, found in lots for row in found]
    assert sorted(row["number"] for row in rows) == sorted([*range(30), *range(100, 130)])
    homes = {(row["key"], number) for number, found in lots for row in found}
    assert len(homes) == len({key for key, _ in homes}) == 7
    assert len({number for number, _ in lots}) > 1


def test_columns_are_matched_by_name(engine: SparkEngine) -> None:
    items = [pa.table({"number": [1], "extra": ["x"], "key": ["a"]})]
    (rows,) = engine.by_key(lambda table: table, items, ["key"], SCHEMA, lambda _, rows: rows.to_pylist())
    assert rows == [{"key": "a", "number": 1}]


def failing_once(path: str) -> str:
    with Path(path).open("a") as file:
        file.write("x")
    if len(Path(path).read_text()) == 1:
        raise RuntimeError("the executor was lost")
    return "done"


def test_a_task_that_fails_once_is_tried_again(engine: SparkEngine, tmp_path: Path) -> None:
    assert [result for _, result in engine.each(failing_once, [str(tmp_path / "tries")])] == ["done"]
    assert (tmp_path / "tries").read_text() == "xx"


def always_failing(_: int) -> None:
    raise RuntimeError("no luck")


def test_a_task_that_never_succeeds_ends_in_one_clear_error(engine: SparkEngine) -> None:
    with pytest.raises(EngineError, match="no luck"):
        list(engine.each(always_failing, [1]))


def refusing(path: str) -> None:
    with Path(path).open("a") as file:
        file.write("x")
    raise StorageError("The disk is full. Free space, then run again.")


def test_what_is_raised_on_purpose_arrives_as_it_is_and_is_not_tried_again(
    engine: SparkEngine, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match=r"^The disk is full\. Free space, then run again\.$"):
        list(engine.each(refusing, [str(tmp_path / "tries")]))
    assert (tmp_path / "tries").read_text() == "x"


def test_without_java_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"needs Java 17 and found no Java\. Install it"):
        check_java()


def test_an_old_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="found Java 11"):
        check_java()
