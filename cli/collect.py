"""`lake collect` and `lake keys`: the HTTP door, and who may use it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import console
from cli.options import examples, json_option, lake_option
from contracts.errors import UsageError
from contracts.layout import DEFAULT_BUS

if TYPE_CHECKING:
    from ingestion.keys import Keys
    from ingestion.webhooks import Secrets
    from lakehouse.lake import Lake


@click.command(
    epilog=examples("lake keys add web-shop", "lake collect --port 8080 --allow-origin https://shop.example")
)
@lake_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen at; 0 takes a free one.",
)
@click.option(
    "--allow-origin", "origins", multiple=True, help="Origin of web pages that may send; any number."
)
def collect(folder: Path, host: str, port: int, origins: tuple[str, ...]) -> None:
    """Take events in by HTTP, until stopped (needs the extra `collect`).

    POST /v1/events takes an event or a list of events as JSON and answers once they are on the disk; POST /v1/webhooks/SOURCE
    takes what a source posts, where its signature holds. Further: /health, /ready, /metrics, /openapi.json.
    """
    from ingestion.event_log import EventLog
    from ingestion.keys import Keys
    from ingestion.publisher import utc_now
    from ingestion.webhooks import Webhooks
    from lakehouse.lake import Lake

    lake = Lake.open(folder)
    keys, secrets = Keys(lake.root / "keys.json"), _secrets(lake)
    if not keys.producers() and not secrets.sources():
        raise UsageError(
            f"Nobody has a key, so nobody could send. Make one: lake keys add web-shop --lake {folder}"
        )
    try:
        import uvicorn

        from ingestion.collector import Collector
        from ingestion.group_commit import MOST_WAITING, GroupCommit
    except ModuleNotFoundError as e:
        raise UsageError(
            f"The collector needs {e.name}. Install it: pip install 'unified-commerce-lake[collect]'"
        ) from e
    with EventLog(lake.log_path), _listening(host, port) as listening:
        webhooks = Webhooks(lake.declarations, secrets)
        sink = GroupCommit(lake.log_path, bus=DEFAULT_BUS, clock=utc_now, most_waiting=MOST_WAITING)
        app = Collector(lake.declarations, sink, keys, webhooks).app(origins=origins)
        # who asks is told by the key, not by an address that a proxy names
        config = uvicorn.Config(app, log_level="warning", access_log=False, proxy_headers=False)
        config.load()
        address = f"http://{host}:{listening.getsockname()[1]}"
        console.say(
            f"Taking events in at {address}/v1/events. Next, in another terminal: lake run --lake {folder}"
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens; bound here, as uvicorn ends the process where it cannot."""
    try:
        return socket.create_server((host, port))
    except OSError as e:
        raise UsageError(
            f"{host}:{port} cannot be listened at ({e.strerror}). Choose another --port, or --host."
        ) from e


@click.group()
def keys() -> None:
    """Keys of producers at the collector's door."""


@keys.command("add", epilog=examples("lake keys add web-shop"))
@click.argument("producer")
@lake_option
def add_key(producer: str, folder: Path) -> None:
    """Make a key for a producer, and print it; it is kept as a hash and cannot be seen again."""
    click.echo(_keys(folder).add(producer))


@keys.command("list", epilog=examples("lake keys list"))
@lake_option
@json_option
def list_keys(folder: Path, *, as_json: bool) -> None:
    """Who has a key."""
    rows = [{"producer": name} for name in _keys(folder).producers()]
    console.print_json(rows) if as_json else console.print_rows(rows, columns=["producer"])


@keys.command("remove", epilog=examples("lake keys remove web-shop"))
@click.argument("producer")
@lake_option
def remove_key(producer: str, folder: Path) -> None:
    """Take a producer's key away, at once also where a collector runs."""
    _keys(folder).remove(producer)
    console.say(f"{producer} has no key any more.")


def _keys(folder: Path) -> Keys:
    from ingestion.keys import Keys
    from lakehouse.lake import Lake

    return Keys(Lake.open(folder).root / "keys.json")


@click.group()
def webhooks() -> None:
    """Secrets by which the collector knows who posts webhooks."""


@webhooks.command(
    "add", epilog=examples("lake webhooks add shopify", "lake webhooks add stripe < secret.txt")
)
@click.argument("source")
@lake_option
def add_webhook(source: str, folder: Path) -> None:
    """Keep the secret of a source: asked for, or read from stdin. The one before it goes on to hold."""
    from lakehouse.lake import Lake

    lake = Lake.open(folder)
    if not lake.declarations.source(source).webhook:
        raise UsageError(f"{source} posts no webhooks. See `lake sources`.")
    asks = sys.stdin.isatty()
    secret = click.prompt("Secret", hide_input=True, err=True) if asks else sys.stdin.readline()
    _secrets(lake).add(source, secret)
    console.say(f"Webhooks of {source} are taken at /v1/webhooks/{source}. Next: lake collect")


@webhooks.command("list", epilog=examples("lake webhooks list"))
@lake_option
@json_option
def list_webhooks(folder: Path, *, as_json: bool) -> None:
    """Which sources' webhooks are taken."""
    from lakehouse.lake import Lake

    secrets = _secrets(Lake.open(folder))
    rows = [{"source": name, "secrets": len(secrets.of(name))} for name in secrets.sources()]
    console.print_json(rows) if as_json else console.print_rows(rows, columns=["source", "secrets"])


@webhooks.command("remove", epilog=examples("lake webhooks remove shopify"))
@click.argument("source")
@lake_option
def remove_webhook(source: str, folder: Path) -> None:
    """Forget the secrets of a source; nothing that it posts is taken any more."""
    from lakehouse.lake import Lake

    _secrets(Lake.open(folder)).remove(source)
    console.say(f"Webhooks of {source} are taken no more.")


def _secrets(lake: Lake) -> Secrets:
    from ingestion.webhooks import Secrets

    return Secrets(lake.root / "secrets")
