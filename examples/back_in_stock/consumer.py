"""A consumer with a side effect: a mail to everyone who waits for an article that is back in stock.

It listens by a rule: `lake contracts pattern stock_received` makes its pattern. Here it reads events from a file instead:

    python examples/back_in_stock/consumer.py EVENTS.ndjson --waiting waiting.json --outbox mails

`waiting.json` says who waits, by SKU: {"SKU-1": ["kim@shop.example"]}. Mails are files, one for each event and reader.

Two things keep mails from going out twice. An event that is marked as replayed was told before, so it is left alone: the rule's pattern leaves it out,
and so does this program, as not every rule is made with care. And a bus delivers at least once, so a mail's name follows from the event's id.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any


def handle(event: Mapping[str, Any], waiting: Mapping[str, Sequence[str]], outbox: Path) -> int:
    """Write the mails that an event calls for; returns how many were new."""
    detail = event["detail"]
    if event["detail-type"] != "stock_received" or is_replayed(event):
        return 0
    mails = {
        _path(event, reader, outbox): _mail(reader, detail["sku"])
        for reader in waiting.get(detail["sku"], ())
    }
    new = [path for path in mails if not path.exists()]
    for path in new:
        path.write_bytes(mails[path].as_bytes())
    return len(new)


def is_replayed(event: Mapping[str, Any]) -> bool:
    """True for an event that was sent again by a replay: whatever it called for was done the first time."""
    return bool(event["detail"]["metadata"].get("replay"))


def run(lines: Iterable[str], waiting: Mapping[str, Sequence[str]], outbox: Path) -> int:
    """Handle events, one a line; returns how many mails were written."""
    outbox.mkdir(parents=True, exist_ok=True)
    return sum(handle(json.loads(line), waiting, outbox) for line in lines if line.strip())


def _path(event: Mapping[str, Any], reader: str, outbox: Path) -> Path:
    told = f"{event['detail']['metadata']['event_id']} {reader}"
    return outbox / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.eml"


def _mail(reader: str, sku: str) -> EmailMessage:
    mail = EmailMessage()
    mail["To"], mail["Subject"] = reader, f"{sku} is back in stock"
    mail.set_content(f"You asked us to tell you: {sku} can be bought again.")
    return mail


def main() -> None:
    """Handle the events of a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("events", type=Path, help="events, one a line")
    parser.add_argument("--waiting", type=Path, required=True, help="who waits for what, as JSON")
    parser.add_argument("--outbox", type=Path, required=True, help="folder of the mails")
    words = parser.parse_args()
    waiting = json.loads(words.waiting.read_text(encoding="utf-8"))
    with words.events.open(encoding="utf-8") as lines:
        print(f"{run(lines, waiting, words.outbox)} mails written to {words.outbox}.")  # noqa: T201 a program of its own


if __name__ == "__main__":
    main()
