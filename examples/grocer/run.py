"""The whole road on a year of a grocer's receipts: ingest, land, curate, build, and the year's totals out of the marts.

`python examples/grocer/run.py [LAKE]`; the lake (grocer-lake without one) is made afresh.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from decimal import Decimal
from pathlib import Path

from load import load

from cli import console
from contracts.errors import UsageError
from ingestion.event_log import EventLog
from ingestion.lander import land
from lakehouse.lake import PROFILE, Lake
from lakehouse.sql import connect, query, release_of
from pipeline.accounts import totals
from pipeline.build import build
from pipeline.curate import curate

BASKETS, LINES, SALES = 155_848, 1_469_307, Decimal("4596039.58")
"""The source's own totals."""

_TOTALS = (
    "select count(distinct sale_id) as baskets, count(*) as lines, sum(net_amount) as sales,"
    " count(distinct store_id) as stores, count(distinct customer_id) as households from marts.fct_sales"
)


def main(home: Path) -> int:
    """Walk the road; 1 when a total differs from the source's."""
    lake = _fresh(home)
    console.say("Publishing the year into the event log …")
    load(lake.log_path)
    with EventLog(lake.log_path) as log:
        landed = land(log, lake.store, now=dt.datetime.now(dt.UTC))
    console.say(
        f"{sum(each.records for each in landed)} events landed in {len(landed)} raw objects. Curating …"
    )
    with console.progress_bar() as progress:
        accounts = totals(curate(lake, progress=progress).accounts)
    console.print_rows([accounts], title="Every event, accounted for")
    console.say("Building the marts …")
    build(lake)
    with connect(lake, release_of(lake)) as connection:
        found = query(connection, _TOTALS).to_pylist()[0]
    console.print_rows([found], title="The year, out of the marts")
    as_source = (found["baskets"], found["lines"], found["sales"]) == (
        BASKETS,
        LINES,
        SALES,
    ) and not accounts["missing"]
    console.say(
        f"baskets {found['baskets']:,} and sales {found['sales']:,.2f}: "
        + ("equal to the source, to the cent." if as_source else f"the source has {BASKETS:,} and {SALES:,}.")
    )
    return 0 if as_source else 1


def _fresh(home: Path) -> Lake:
    if home.exists():
        if not (home / PROFILE).exists():
            raise UsageError(f"{home} is no lake; name another folder.")
        shutil.rmtree(home)
    return Lake.create(home)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else "grocer-lake")))
