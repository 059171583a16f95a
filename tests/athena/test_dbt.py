"""dbt-athena, unmodified, on a small warehouse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import BUCKET, Asked

WAREHOUSE = Path(__file__).with_name("warehouse")


class Built:
    """A warehouse that dbt built, once whole and once more."""

    def __init__(self, asked: Asked, target: Path) -> None:
        self.asked, self._target = asked, target
        self.first = self.dbt("build")
        changed = ("orders_merged", "days_overwritten", "customers_kept")
        self.again = self.dbt("build", "--vars", "{factor: 10}", "--select", *changed)
        self.dbt("docs", "generate")

    def dbt(self, *words: str) -> dict[str, str]:
        """Run dbt; how each node ended."""
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *words]
        folders = [
            "--project-dir",
            str(WAREHOUSE),
            "--profiles-dir",
            str(WAREHOUSE),
            "--target-path",
            str(self._target),
        ]
        environment = {
            **os.environ,
            "WAREHOUSE_SCHEMA": self.asked.database,
            "DBT_LOG_PATH": str(self._target / "logs"),
        }
        done = subprocess.run(
            [*command, *folders],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=self._target,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        found = json.loads((self._target / "run_results.json").read_text())["results"]
        return {
            result["unique_id"].split(".", 1)[1].removeprefix("warehouse."): result["status"]
            for result in found
        }

    def rows(self, sql: str) -> list[list[str | None]]:
        return self.asked.done(sql)

    def table(self, name: str) -> dict[str, Any]:
        return dict(self.asked.glue.get_table(DatabaseName=self.asked.database, Name=name)["Table"])

    def catalog(self) -> dict[str, Any]:
        return dict(json.loads((self._target / "catalog.json").read_text())["nodes"])


@pytest.fixture(scope="module")
def built(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(asked, tmp_path_factory.mktemp("warehouse"))


def test_every_node_is_built_and_every_test_passes(built: Built) -> None:
    assert set(built.first.values()) == {"success", "pass"}
    assert len(built.first) == 14


def test_a_views_descriptions_are_kept_and_it_is_still_read(built: Built) -> None:
    table = built.table("orders_seen")
    assert table["Parameters"]["comment"] == "Orders, typed."
    assert table["StorageDescriptor"]["Columns"][0]["Comment"] == "Which order."
    assert built.rows("SELECT count(*) FROM orders_seen") == [["3"]]


def test_a_hive_table_is_one_of_hive(built: Built) -> None:
    assert "table_type" not in built.table("customers_hive")["Parameters"]
    rows = built.rows("SELECT customer, spent, orders FROM customers_hive ORDER BY customer")
    assert rows == [["ann", "15.75", "2"], ["bob", "20.00", "1"]]


def test_an_iceberg_table_is_partitioned_as_asked(built: Built) -> None:
    assert built.table("orders_iceberg")["Parameters"]["table_type"].upper() == "ICEBERG"
    assert built.rows('SELECT count(*) FROM "orders_iceberg$partitions"') == [["2"]]


def test_a_merge_changes_some_rows_and_keeps_the_others(built: Built) -> None:
    rows = built.rows("SELECT order_id, amount FROM orders_merged ORDER BY order_id")
    assert rows == [["1", "10.50"], ["2", "200.00"], ["3", "52.50"]]


def test_insert_overwrite_replaces_a_partition_and_keeps_the_others(built: Built) -> None:
    rows = built.rows("SELECT day, orders FROM days_overwritten ORDER BY day")
    assert rows == [["2026-01-01", "1"], ["2026-01-02", "20"]]


def test_more_than_a_hundred_partitions_are_written_in_batches(built: Built) -> None:
    assert built.rows("SELECT count(*), count(DISTINCT part) FROM many_partitions") == [["150", "150"]]
    assert len(built.rows("SHOW PARTITIONS many_partitions")) == 150


def test_a_snapshot_keeps_what_was(built: Built) -> None:
    rows = built.rows("SELECT customer, orders, dbt_valid_to IS NULL FROM customers_kept ORDER BY 1, 2")
    assert rows == [
        ["ann", "2", "false"],
        ["ann", "20", "true"],
        ["bob", "1", "false"],
        ["bob", "10", "true"],
    ]


def test_docs_know_the_columns(built: Built) -> None:
    columns = built.catalog()["model.warehouse.orders_iceberg"]["columns"]
    assert {name: column["type"] for name, column in columns.items()} == {
        "order_id": "int", "customer": "string", "amount": "decimal(10,2)", "placed_at": "timestamp",
    }  # fmt: skip


def test_tables_are_where_the_profile_says(built: Built) -> None:
    assert built.table("orders_iceberg")["StorageDescriptor"]["Location"].startswith(
        f"s3://{BUCKET}/{built.asked.database}/"
    )
