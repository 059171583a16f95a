from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, answer, stopped_at
from shop_raw import HOUR, MONDAY, put, sent

from lakehouse.lake import Lake
from lakehouse.sql import connect
from pipeline.curate import curate

POLLS = 20
BATCHES = 5
ORDERS = 4

VIOLATIONS = """
with placed as (select split_part(order_id, '-', 1) as batch, count(*) as orders from curated.order_placed group by 1),
    captured as (select split_part(order_id, '-', 1) as batch, count(*) as payments from curated.payment_captured group by 1)
select batch, orders, payments from placed full join captured using (batch)
where orders is distinct from payments or orders <> {orders}
"""
BATCHES_SEEN = "select count(distinct split_part(order_id, '-', 1)) as seen from curated.order_placed"


class Reader(threading.Thread):
    """Asks the newest release over and over whether each batch of orders is there with its payments, whole or not at all."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root
        self.violations: list[object] = []
        self.seen: list[int] = []
        self.is_done = False

    def run(self) -> None:
        while not self.is_done:
            lake = Lake.open(self._root)
            with connect(lake, lake.releases.latest()) as connection:
                self.violations += connection.sql(VIOLATIONS.format(orders=ORDERS)).fetchall()
                self.seen += [n for (n,) in connection.sql(BATCHES_SEEN).fetchall()]


def put_batch(lake: Lake, batch: int) -> None:
    """Orders and their payments in one object each; from the second batch on, an order of the batch before is replaced."""
    at = MONDAY + 2 * batch * HOUR
    ids = [f"b{batch}-{n}" for n in range(ORDERS)]
    orders = [sent("order_placed", f"o-{i}", at=at, order_id=i) for i in ids]
    if batch:
        replaced = f"b{batch - 1}-0"
        orders.append(sent("order_placed", f"o-{replaced}", at=at - 3 * HOUR, order_id=replaced))
    put(lake, f"orders-{batch}", *orders, at=at)
    payments = (sent("payment_captured", f"c-{i}", at=at, order_id=i, capture_id=i) for i in ids)
    put(lake, f"payments-{batch}", *payments, at=at)


def test_every_order_a_reader_sees_has_its_payment_while_batches_are_published(lake: Lake) -> None:
    reader = Reader(lake.root)
    reader.start()
    try:
        batch = 0
        while reader.is_alive() and (batch < BATCHES or len(reader.seen) < POLLS):
            put_batch(lake, batch)
            curate(lake)
            batch += 1
    finally:
        reader.is_done = True
        reader.join()
    assert len(reader.seen) >= POLLS
    assert reader.violations == []
    assert reader.seen == sorted(reader.seen)
    assert len(set(reader.seen)) >= BATCHES - 1


@pytest.mark.parametrize("point", ["curate.publishing", "curate.published"])
def test_a_reader_sees_nothing_of_a_run_that_sleeps_amid_publishing(lake: Lake, point: str) -> None:
    put_batch(lake, 0)
    curate(lake)
    put_batch(lake, 1)
    with stopped_at(point, "curate", "--lake", lake.root) as stopped:
        assert read_once(lake) == (1, [])
        assert stopped.go_on().returncode == DONE
    assert read_once(lake) == (2, [])


def read_once(lake: Lake) -> tuple[int, list[Any]]:
    """How many batches there are, and what is wrong with them."""
    with connect(lake, lake.releases.latest()) as connection:
        ((seen,),) = connection.sql(BATCHES_SEEN).fetchall()
        return seen, connection.sql(VIOLATIONS.format(orders=ORDERS)).fetchall()


def test_an_older_release_can_still_be_read(lake: Lake) -> None:
    for batch in range(2):
        put_batch(lake, batch)
        curate(lake)
    assert answer("sql", "--lake", lake.root, "--as-of", "1", BATCHES_SEEN) == [{"seen": 1}]
    assert read_once(lake) == (2, [])
