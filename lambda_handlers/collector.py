"""Lambda function: the collector behind a function URL or API Gateway, with a bus in place of the event log.

The answer is 202 when the bus accepted every event of a request, else 503: the client sends all of it again, and event ids make that harmless.
The environment:

    LAKE_HOME           a folder, packaged or mounted, with `keys.json` and `secrets/` as `lake keys` and `lake webhooks` write them; it is only read
    LAKE_BUS            the bus, by name or ARN (`commerce`)
    LAKE_CONTRACTS      a folder of contracts, if not those that are built in
    LAKE_ALLOW_ORIGINS  origins of web pages that may send, with commas between; none without it
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import Any, Final

from mangum import Mangum
from mangum.types import LambdaContext

from contracts.errors import UsageError
from ingestion.bus import BusSink
from ingestion.collector import Collector
from ingestion.keys import Keys
from ingestion.webhooks import Secrets, Webhooks
from lambda_handlers._settings import bus, declarations, folder

ATTEMPTS: Final = 3
"""Calls for one event at most: API Gateway hangs up after half a minute, and a client sends again by itself."""


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request.

    Raises:
        UsageError: when the function is not set up so that anybody could send; callers get an error of the server's.
    """
    return open_door()(event, context)


@cache
def open_door() -> Mangum:
    """The collector's application, made once for all requests of this process."""
    home, declared = folder("LAKE_HOME"), declarations()
    keys, secrets = Keys(home / "keys.json"), Secrets(home / "secrets")
    if not keys.producers() and not secrets.sources():
        raise UsageError(
            f"Nobody has a key in {home}, so nobody could send. Make one: lake keys add web-shop --lake {home}"
        )
    to = bus(attempts=ATTEMPTS)
    to.check()
    origins = [each.strip() for each in os.environ.get("LAKE_ALLOW_ORIGINS", "").split(",") if each.strip()]
    app = Collector(declared, BusSink(to), keys, Webhooks(declared, secrets)).app(origins=origins)
    asyncio.set_event_loop(
        asyncio.new_event_loop()
    )  # Mangum asks for it, and Python no longer makes one by itself
    return Mangum(app, lifespan="off")  # which it would begin and end with each request
