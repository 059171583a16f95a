"""The collector: an HTTP door for heads (web, app, store), which answers once what it took is safe in its sink."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.declarations import Declarations
from contracts.errors import StorageError, UsageError
from ingestion.envelopes import Envelopes
from ingestion.group_commit import BusyError
from ingestion.keys import Keys
from ingestion.openapi import openapi
from ingestion.publisher import utc_now
from ingestion.sink import Sink, UnfitError
from ingestion.webhooks import RefusedError, Webhooks

MOST_EVENTS: Final = 500
"""Events of one request."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Limits:
    """What the door takes at most: bytes of a request, and records that wait for the lander."""

    body: int = 5 * 1024 * 1024
    unlanded: int = 5_000_000


class Collector:
    """Takes events in, valid or not: what is wrong with one is for quarantine, not for a lost sale."""

    def __init__(
        self,
        declarations: Declarations,
        sink: Sink,
        keys: Keys,
        webhooks: Webhooks,
        *,
        clock: Callable[[], dt.datetime] = utc_now,
        limits: Limits = Limits(),
    ) -> None:
        self._declarations = declarations
        self._envelopes = Envelopes(declarations, source="collector")
        self._keys = keys
        self._webhooks = webhooks
        self._webhook_thread = ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        self._clock = clock
        self._limits = limits
        self._sink = sink
        self._metrics = _Metrics()

    def app(self, *, origins: Sequence[str] = ()) -> Starlette:
        """The ASGI application; `origins` are those of web pages that may send."""
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["POST"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["retry-after"],
            max_age=3600,
        )
        routes = [
            Route("/v1/events", self._counted(self._collect), methods=["POST"]),
            Route("/v1/webhooks/{source}", self._counted(self._hear), methods=["POST"]),
            Route("/health", _healthy),
            Route("/ready", self._ready),
            Route("/metrics", self._told_metrics),
            Route("/openapi.json", self._described),
        ]
        return Starlette(routes=routes, middleware=[cors] if origins else [], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._sink.start()
        try:
            yield
        finally:
            await self._sink.close()
            self._webhook_thread.shutdown()

    async def _collect(self, request: Request) -> Response:
        producer = self._keys.producer_of(_key(request))
        if producer is None:
            return _refused(401, "No such key. Send one as `Authorization: Bearer …` or `?key=…`.")
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        events = _events(body)
        if len(events) > MOST_EVENTS:
            return _refused(413, f"A request has at most {MOST_EVENTS} events; this one has {len(events)}.")
        now = self._clock()
        return await self._take(producer, [self._record(event, producer, now) for event in events])

    async def _hear(self, request: Request) -> Response:
        """Take in what a source posts."""
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        source, loop = request.path_params["source"], asyncio.get_running_loop()
        receive = partial(self._webhooks.receive, source, request.headers, body, self._clock())
        try:
            received = await loop.run_in_executor(self._webhook_thread, receive)
        except RefusedError as e:
            return _refused(401, str(e))
        except UsageError as e:
            return _refused(404, str(e))
        return await self._take(source, received.records)

    async def _take(self, producer: str, records: list[bytes]) -> Response:
        try:
            with self._metrics.commit_seconds.time():
                await self._sink.append(records)
        except BusyError as e:
            return _refused(429, str(e), retry_after=1)
        except UnfitError as e:  # a client that knows 413 parts what it sent, until it finds the one
            return _refused(413, str(e))
        except StorageError:
            why = "It cannot be kept now. Send all of it again later, under the same event ids."
            return _refused(503, why, retry_after=10)
        self._metrics.events.labels(producer).inc(len(records))
        return JSONResponse({"accepted": len(records)}, 202)

    async def _body(self, request: Request) -> bytes | Response:
        """The body, or why it is refused; no more of it is read than is taken."""
        if self._sink.unlanded >= self._limits.unlanded:
            return _refused(503, "The log waits for the lander. Send again in a minute.", retry_after=60)
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._limits.body:
                return _refused(413, f"A request has at most {self._limits.body} bytes.")
            parts.append(part)
        body = b"".join(parts)
        return body if body.strip() else _refused(400, "The body is empty. Send JSON.")

    def _record(self, event: Any, producer: str, now: dt.datetime) -> bytes:
        """The event in its envelope; what cannot be given one stays as it was sent."""
        if isinstance(event, bytes):
            return self._envelopes.record(event, now)
        if isinstance(event, dict) and isinstance(event.get("data", {}), dict):
            named = event if "detail-type" in event else {**event, **_names(event, producer)}
            try:
                return self._envelopes.record(named, now)
            except UsageError:
                return _encode(event)
        return _encode(event)

    async def _ready(self, _: Request) -> Response:
        behind = self._sink.unlanded >= self._limits.unlanded
        problem = self._sink.problem or ("The log waits for the lander." if behind else None)
        return _refused(503, problem, retry_after=10) if problem else JSONResponse({"ready": True})

    async def _told_metrics(self, _: Request) -> Response:
        self._metrics.unlanded.set(self._sink.unlanded)
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _described(self, _: Request) -> Response:
        return JSONResponse(openapi(self._declarations, most_events=MOST_EVENTS))

    def _counted(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def counted(request: Request) -> Response:
            response = await handler(request)
            self._metrics.requests.labels(str(response.status_code)).inc()
            return response

        return counted


class _Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter(
            "lake_collector_events", "Events taken in.", ["producer"], registry=self.registry
        )
        self.requests = Counter(
            "lake_collector_requests", "Requests to take events in.", ["status"], registry=self.registry
        )
        self.commit_seconds = Histogram(
            "lake_collector_commit_seconds",
            "From a request to its records in the sink.",
            registry=self.registry,
        )
        self.unlanded = Gauge(
            "lake_collector_unlanded_records", "Records that wait for the lander.", registry=self.registry
        )


def _key(request: Request) -> str:
    """The key in a request's header, or in its address: a browser's beacon can set no header."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else request.query_params.get("key", "")


def _names(event: dict[str, Any], producer: str) -> dict[str, str]:
    """Who sends: whose key it is, and as producer the client too where it names itself, as each counts its own events."""
    client = event.get("producer")
    counts = f"{producer}/{client}" if isinstance(client, str) and client else producer
    return {"source": producer, "producer": counts}


def _events(body: bytes) -> list[Any]:
    """The events in a body; one that is no JSON is taken as it is, for quarantine."""
    try:
        found = _decode(body)
    except (ValueError, RecursionError):
        return [body]
    return found if isinstance(found, list) else [found]


def _refused(status: int, why: str, *, retry_after: int | None = None) -> Response:
    headers = {"retry-after": str(retry_after)} if retry_after else None
    return JSONResponse({"error": why}, status, headers)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"alive": True})
