"""Dead letters to test with: an event, and Firehose's envelope round it."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
ARRIVED = dt.datetime(2026, 2, 27, 8, 15, tzinfo=dt.UTC)
MILLISECONDS = int(ARRIVED.timestamp() * 1000)


def event(name: str = "e-1", **more: Any) -> bytes:
    detail = {"metadata": {"event_id": name}, "email": "someone@shop.example"}
    return json.dumps({"source": "shop", "detail-type": "order_placed", "detail": detail, **more}).encode()


def envelope(data: bytes, **more: Any) -> bytes:
    encoded = base64.b64encode(data).decode()
    return json.dumps(
        {"rawData": encoded, "errorCode": "Lambda.FunctionError", "arrivalTimestamp": MILLISECONDS, **more}
    ).encode()
