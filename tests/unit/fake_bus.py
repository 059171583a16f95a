"""A bus of EventBridge that fails as it is told, and is as strict as AWS about what one call holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

Entries = list[dict[str, Any]]
Answer = Exception | dict[int, str] | None
"""What a call meets: an error; codes of some of its entries, by their number; or nothing."""

ADDRESS: Final = "https://events.eu-west-1.amazonaws.com"

LOST: Final = ReadTimeoutError(endpoint_url=ADDRESS)
"""The bus takes the call, and its answer does not arrive."""


def answered(code: str, status: int = 400, operation: str = "PutEvents") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "It said so."},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


PASSING: Final[tuple[Exception, ...]] = (
    answered("InternalException", 500),
    answered("SomethingNew", 503),
    answered("ThrottlingException"),
    answered("SomethingElse", 429),
    answered("RequestLimitExceeded"),
    ReadTimeoutError(endpoint_url=ADDRESS),
    ConnectTimeoutError(endpoint_url=ADDRESS),
    EndpointConnectionError(endpoint_url=ADDRESS),
    ConnectionClosedError(endpoint_url=ADDRESS),
)


class FakeBus:
    """A client of boto3's, as far as a publisher uses it. `calls` holds the entries of each call."""

    def __init__(self, answers: Iterable[Answer] = (), *, buses: Sequence[str] = ("commerce",)) -> None:
        self._answers = iter(answers)
        self._buses = buses
        self.calls: list[Entries] = []
        self.accepted: Entries = []
        self.watch: Callable[[], None] = lambda: None

    def describe_event_bus(self, *, Name: str) -> dict[str, str]:  # noqa: N803 AWS's name
        if Name not in self._buses:
            raise answered("ResourceNotFoundException", operation="DescribeEventBus")
        return {"Name": Name}

    def put_events(self, *, Entries: Entries) -> dict[str, Any]:  # noqa: N803 AWS's name
        self.watch()
        assert 1 <= len(Entries) <= 10
        assert sum(size(entry) for entry in Entries) <= 1_000_000
        self.calls.append(Entries)
        answer = next(self._answers, None)
        if answer is LOST:
            self.accepted += Entries
        if isinstance(answer, Exception):
            raise answer
        rows = [self._one(entry, (answer or {}).get(i)) for i, entry in enumerate(Entries)]
        return {"FailedEntryCount": sum("ErrorCode" in row for row in rows), "Entries": rows}

    def _one(self, entry: dict[str, Any], code: str | None) -> dict[str, str]:
        if code:
            return {"ErrorCode": code, "ErrorMessage": "It said so."}
        self.accepted.append(entry)
        return {"EventId": f"id-{len(self.accepted)}"}


def size(entry: dict[str, Any]) -> int:
    """An entry's bytes, counted as AWS's page on PutEvents says."""
    total = 14 if "Time" in entry else 0
    for text in (entry["Source"], entry["DetailType"], entry["Detail"], *entry.get("Resources", [])):
        total += len(text.encode("utf-8"))
    return total


def failing(share: float, seed: int) -> Iterable[Answer]:
    """Answers without end, of which a share are failures that may pass, of every kind."""
    chance = random.Random(seed)
    while True:
        kind = chance.randrange(len(PASSING) + 1) if chance.random() < share else None
        if kind is None:
            yield None
        elif kind < len(PASSING):
            yield PASSING[kind]
        else:
            yield {n: "InternalFailure" for n in range(10) if n == 0 or chance.random() < 0.5}
