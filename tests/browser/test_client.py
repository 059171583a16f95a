"""The collector's client, in Node and on a page of another origin in a browser."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from commands import DONE, LAKE, REPOSITORY, answer, environment, lake_command
from records import event

from lakehouse.lake import Lake

CLIENT = REPOSITORY / "clients" / "lake.js"
NODE = shutil.which("node")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

TRACKS_WHILE_DOWN = """\
import { Lake } from %(client)s;
const wait = (ms) => { console.log("waits"); return new Promise((done) => setTimeout(done, ms / 10)); };
const lake = new Lake({ url: %(url)s, key: %(key)s, wait });
for (let n = 0; n < 120; n++) lake.track("page_viewed", %(data)s);
await lake.flush();
"""
LEAVES = """\
<!doctype html><script type="module">
import { Lake } from "/lake.js";
const lake = new Lake({ url: %(url)s, key: %(key)s, metadata: { channel: "web" }, fetch: () => new Promise(() => {}) });
lake.track("page_viewed", %(page_viewed)s);
location.href = "/checkout";
</script>
"""
CHECKS_OUT = """\
<!doctype html><script type="module">
import { Lake } from "/lake.js";
const lake = new Lake({ url: %(url)s, key: %(key)s, metadata: { channel: "web" } });
lake.track("product_viewed", %(product_viewed)s);
lake.track("cart_item_added", %(cart_item_added)s);
lake.track("checkout_started", %(checkout_started)s);
await lake.flush();
await fetch("/done", { method: "POST" });
</script>
"""
VISIT = ("page_viewed", "product_viewed", "cart_item_added", "checkout_started")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    assert lake_command("init", tmp_path / "lake").returncode == DONE
    return Lake.open(tmp_path / "lake")


@pytest.fixture
def key(lake: Lake) -> str:
    return lake_command("keys", "add", "web-shop", "--lake", lake.root).stdout.strip()


@contextmanager
def collecting(lake: Lake, *words: str) -> Iterator[str]:
    """The address of a collector that runs."""
    command = [*LAKE, "collect", "--lake", str(lake.root), *words]
    with subprocess.Popen(command, env=environment(), text=True, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        found = re.search(r"http://[\d.:]+", process.stderr.readline())
        assert found, "it did not say where it listens"
        try:
            yield found[0]
        finally:
            process.kill()


class Site(ThreadingHTTPServer):
    """Pages by path, and whether one of them said that it is done."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Visitor)
        self.pages: dict[str, tuple[str, str]] = {"/lake.js": ("text/javascript", CLIENT.read_text("utf-8"))}
        self.done = threading.Event()
        self.origin = f"http://127.0.0.1:{self.server_port}"


class _Visitor(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        kind, text = self.server.pages.get(self.path, ("text/plain", ""))
        self.send_response(200 if text else 404)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self) -> None:
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        serving = threading.Thread(target=site.serve_forever)
        serving.start()
        yield site
        site.shutdown()
        serving.join()


@contextmanager
def browsing(address: str, profile: Path) -> Iterator[None]:
    """A browser without a window at this address."""
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += ["--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}", address]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def data(event_type: str) -> dict[str, Any]:
    """Valid data of an event; all events are of one session."""
    detail: dict[str, Any] = event(event_type)["detail"]
    return {name: value for name, value in detail.items() if name != "metadata"}


def filled(text: str, **values: Any) -> str:
    return text % {name: json.dumps(value) for name, value in values.items()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def landed(lake: Lake) -> list[dict[str, Any]]:
    """Metadata of every record, in order of arrival."""
    assert lake_command("land", "--lake", lake.root).returncode == DONE
    paths = sorted((lake.root / "raw").rglob("*.gz"))
    lines = [line for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [json.loads(line)["detail"]["metadata"] for line in lines]


def wait_for_events(address: str, wanted: int) -> None:
    """Wait until the collector has taken that many in."""
    taken, until = 0.0, time.monotonic() + 30
    while taken < wanted and time.monotonic() < until:
        told = re.search(r"lake_collector_events_total\{.*\} ([\d.]+)", httpx2.get(f"{address}/metrics").text)
        taken = float(told[1]) if told else 0
        time.sleep(0.05)
    assert taken == wanted


@needs_node
def test_the_client_passes_its_tests_in_node() -> None:
    tests = Path(__file__).with_name("client.test.mjs")
    done = subprocess.run(
        [str(NODE), str(tests)], timeout=120, capture_output=True, text=True, check=False
    )  # the file itself, as `node --test` would leave its process behind when told to end
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\W+pass \d\d$", done.stdout, re.MULTILINE), done.stdout


@needs_node
def test_what_is_tracked_while_the_collector_is_down_arrives_once_it_is_up(lake: Lake, key: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/events"
    script = filled(TRACKS_WHILE_DOWN, client=CLIENT.as_uri(), url=url, key=key, data=data("page_viewed"))
    command = [str(NODE), "--input-type=module", "--eval", script]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as node:
        try:
            assert node.stdout is not None
            assert node.stdout.readline() == "waits\n"
            with collecting(lake, "--port", str(port)):
                assert node.wait(60) == 0
        finally:
            node.kill()
    found = landed(lake)
    assert [each["producer_seq"] for each in found] == list(range(120))
    assert len({each["event_id"] for each in found}) == 120
    (producer,) = {each["producer"] for each in found}
    assert producer.startswith("web-shop/")


@needs_browser
@pytest.mark.dbt
def test_a_visit_in_a_browser_is_in_the_funnel(lake: Lake, key: str, site: Site, tmp_path: Path) -> None:
    with collecting(lake, "--port", "0", "--allow-origin", site.origin) as address:
        visit = {"url": f"{address}/v1/events", "key": key} | {name: data(name) for name in VISIT}
        site.pages["/"] = ("text/html", filled(LEAVES, **visit))
        site.pages["/checkout"] = ("text/html", filled(CHECKS_OUT, **visit))
        with browsing(site.origin, tmp_path / "profile"):
            assert site.done.wait(60), "the page did not say that all is sent"
            # one comes twice: by the beacon of the first page, and by the second page, as nobody had acknowledged it
            wait_for_events(address, len(VISIT) + 1)
    ran = lake_command("run", "--lake", lake.root)
    assert ran.returncode == DONE, ran.stderr
    assert sorted(each["producer_seq"] for each in landed(lake)) == [0, 0, 1, 2, 3]
    funnel = (
        "select channel, device_type, session_count, cart_session_count, checkout_session_count,"
        " order_session_count from marts.mart_conversion_funnel"
    )
    assert answer("sql", funnel, "--lake", lake.root) == [
        {
            "channel": "web",
            "device_type": "desktop",
            "session_count": 1,
            "cart_session_count": 1,
            "checkout_session_count": 1,
            "order_session_count": 0,
        }
    ]
    gaps = "select first_seq, last_seq, received_count, missing_count from marts.mart_producer_gaps where producer like 'web-shop/%'"
    assert answer("sql", gaps, "--lake", lake.root) == [
        {"first_seq": 0, "last_seq": 3, "received_count": 4, "missing_count": 0}
    ]
