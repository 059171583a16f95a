"""The way in: what the collector takes a second from a native load tool, beside the disk's own rate; and a drop of CSV."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.figure import Figure
from bench.measure import lake
from contracts.declarations import load_declarations
from contracts.layout import DEFAULT_BUS
from contracts.samples import record
from ingestion.event_log import EventLog
from lakehouse.lake import Lake

_CONNECTIONS: Final = 64
_BATCH: Final = 50
_LOAD: Final = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["authorization"] = "Bearer {key}"
wrk.headers["content-type"] = "application/json"
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
function init(args) acknowledged = 0 end
function response(status, headers, body) if status == 202 then acknowledged = acknowledged + 1 end end
function done(summary, latency, requests)
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + thread:get("acknowledged") end
  io.write(string.format("acknowledged %d in %d us, p99 %d us\\n", sum, summary.duration, latency:percentile(99)))
end
"""
_MAPPING: Final = """
events:
  - event_type: customer_registered
    source: bench
    historical: true
    occurred_at: since
    id: [number]
    fields: {customer_id: number, country_code: country, loyalty_tier: tier}
"""


def collector(home: Path, *, seconds: int) -> list[Figure]:
    """Events a second that the collector acknowledges, in batches and one by one; each is in the log, and on the disk."""
    Lake.create(home)
    floor = _floor(home / "floor.db", seconds)
    if shutil.which("wrk") is None:
        return [
            Figure("collector, events/s", float("inf"), 0, "not run: needs wrk (apt-get install wrk)", "")
        ]
    return [_load(home, batch, goal, seconds, floor) for batch, goal in ((_BATCH, 20_000), (1, 3_000))]


def drop(home: Path, *, lines: int) -> Figure:
    """Lines of CSV a second of a core, from file to log."""
    Lake.create(home)
    rows = (f"C-{n},2024-03-01T10:{n % 60:02}:00Z,DE,gold" for n in range(lines))
    (home / "drop.csv").write_text("\n".join(["number,since,country,tier", *rows]))
    (home / "mapping.yaml").write_text(_MAPPING)
    words = [str(home / "drop.csv"), "--mapping", str(home / "mapping.yaml"), "--lake", str(home), "--json"]
    found = lake("ingest", *words)
    with EventLog(home / "log.db") as log:
        check = "all in the log" if len(log) == lines else f"DIFFERENT: {len(log)} in the log"
    detail = f"{found.seconds:.1f} s, {found.cpu_seconds:.1f} s of CPU; {lines} lines"
    return Figure(
        "lines of a CSV drop / s of CPU", 50_000, lines / found.cpu_seconds, detail, check, at_least=True
    )


def _load(home: Path, batch: int, goal: int, seconds: int, floor: float) -> Figure:
    with _serving(home) as (port, key):
        found = _wrk(home, port, key, batch, seconds)
    acknowledged, micros, p99 = (int(word) for word in found)
    events, rate = acknowledged * batch, acknowledged * batch / micros * 1e6
    with EventLog(home / "log.db") as log:
        kept = len(log)
    (home / "log.db").unlink()
    # what was under way when the load ended may be in the log, and was not acknowledged
    is_kept = events <= kept <= events + _CONNECTIONS * batch
    check = f"{events} acknowledged, {kept} in the log" + ("" if is_kept else ": DIFFERENT")
    detail = f"p99 {p99 / 1000:.0f} ms; SQLite alone takes {floor:.0f}/s"
    return Figure(f"collector, durable events/s, {batch} a request", goal, rate, detail, check, at_least=True)


def _wrk(home: Path, port: int, key: str, batch: int, seconds: int) -> tuple[str, ...]:
    (home / "body.json").write_bytes(_body(batch))
    (home / "load.lua").write_text(_LOAD.format(body=home / "body.json", key=key))
    words = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(home / "load.lua")]
    done = subprocess.run(
        [*words, f"http://127.0.0.1:{port}/v1/events"], capture_output=True, text=True, check=True
    )
    found = re.search(r"acknowledged (\d+) in (\d+) us, p99 (\d+) us", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk said: {done.stdout[-500:]}")
    return found.groups()


def _body(batch: int) -> bytes:
    """So many page views, as a head sends them; the door gives each an id of its own."""
    declarations = load_declarations()
    detail = record(declarations, declarations.event("page_viewed").latest)["detail"]
    data = {name: value for name, value in detail.items() if name != "metadata"}
    events = [{"event_type": "page_viewed", "data": data}] * batch
    return json.dumps(events if batch > 1 else events[0]).encode()


def _floor(path: Path, seconds: int) -> float:
    """Records a second that SQLite alone takes durably, in transactions as large as those of the collector under load."""
    declarations = load_declarations()
    text = json.dumps(record(declarations, declarations.event("page_viewed").latest)).encode()
    records = [text] * (_CONNECTIONS * _BATCH)
    now = dt.datetime.now(dt.UTC)
    with EventLog(path) as log:
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            log.append(records, bus=DEFAULT_BUS, received_at=now)
            count += len(records)
        return count / (time.perf_counter() - began)


@contextmanager
def _serving(home: Path) -> Iterator[tuple[int, str]]:
    """The collector on a free port, with a key; ended with SIGTERM."""
    key = _command("keys", "add", f"bench-{time.time_ns()}", "--lake", str(home)).strip()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ["-c", "from cli.main import main; main()", "collect", "--port", str(port), "--lake", str(home)]
    with subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE) as process:
        try:
            if process.stderr is None or b"Taking events in" not in process.stderr.readline():
                raise RuntimeError("the collector did not start")
            yield port, key
        finally:
            process.terminate()


def _command(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
