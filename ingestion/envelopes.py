"""The envelope that an event gets at the door."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from contracts.declarations import Declarations
from contracts.errors import UsageError
from contracts.json_text import joined, one_line

Event: TypeAlias = Mapping[str, Any] | bytes
"""Details (`event_type`, `data`, and any of `source` and the metadata's fields), or an envelope, as mapping or as bytes."""

_encode = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical").encode
_parts = msgspec.json.Decoder(dict[str, Raw]).decode


def new_id() -> str:
    """A random UUID (version 4, RFC 9562), as text; the library's objects cost ten times as much, twice an event."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


class Envelopes:
    """Makes records of events. `source` names the producing application where an event does not."""

    def __init__(self, declarations: Declarations, *, source: str) -> None:
        self._declarations = declarations
        self._source = source

    def record(self, event: Event, now: dt.datetime) -> bytes:
        """The record of one event that came `now`.

        Raises:
            UsageError: when the data of details holds what is the envelope's.
        """
        if isinstance(event, bytes):
            return one_line(event)
        if "detail-type" in event:
            return _encode(_stamped(event, now))
        return self._enveloped(event, now)

    def _enveloped(self, event: Mapping[str, Any], now: dt.datetime) -> bytes:
        """The envelope round the details of one event."""
        metadata = dict(event)
        data, source = metadata.pop("data", {}), metadata.pop("source", self._source)
        event_type = str(event.get("event_type"))
        if "event_id" not in metadata:
            metadata["event_id"] = new_id()
        if "schema_version" not in metadata:
            metadata["schema_version"] = self._newest(event_type)
        metadata.setdefault("occurred_at", now)
        metadata["received_at"] = now
        envelope = {
            "version": "0",
            "id": new_id(),
            "detail-type": event_type,
            "source": source,
            "time": now,
        }
        if isinstance(data, Raw):
            detail = Raw(joined(_encode({"metadata": metadata}), bytes(data)))
            return _encode({**envelope, "detail": detail})
        if "metadata" in data:
            raise UsageError(
                f"The data of a {event_type} holds 'metadata', which is the envelope's. Rename that field."
            )
        return _encode({**envelope, "detail": {"metadata": metadata, **data}})

    def _newest(self, event_type: str) -> int:
        event = self._declarations.events.get(event_type)
        return event.latest.version if event else 1


def _stamped(envelope: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """A ready envelope with what the door sets: its time of arrival, and a delivery id and time where it has none."""
    found = {"version": "0", "id": new_id(), "time": now, **envelope}
    detail = found.get("detail")
    if isinstance(detail, Mapping) and isinstance(detail.get("metadata"), Mapping):
        found["detail"] = {**detail, "metadata": {**detail["metadata"], "received_at": now}}
    return found


def marked(record: bytes, replay_id: str, now: dt.datetime) -> bytes:
    """A curated record as a replay sends it `now`: marked, with a delivery id of its own, and every other value as it was written.

    The marks are transport fields, so an event that comes back to raw is a copy of itself. Its time stays too, as mappings read it.
    """
    envelope = _parts(record)
    detail = _parts(envelope["detail"])
    metadata = _parts(detail.get("metadata", Raw(b"{}")))
    metadata["replay"] = Raw(_encode({"replay_id": replay_id, "replayed_at": now}))
    detail["metadata"] = Raw(_encode(metadata))
    return _encode({**envelope, "id": new_id(), "detail": detail})
