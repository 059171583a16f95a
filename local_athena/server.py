"""One address for all: Athena from here, S3, Glue and STS from moto in the same process."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from local_athena import shims
from local_athena.api import Api
from local_athena.catalogue import Catalogue
from local_athena.engine import Engine
from local_athena.errors import ApiError
from local_athena.functions import Functions
from local_athena.process import Trino
from local_athena.services import Services
from local_athena.storage import Storage
from local_athena.workgroups import Workgroups

REGION: Final = "us-east-1"
RESULTS: Final = "athena-results"
CACHE: Final = Path(__file__).parents[1] / ".athena"
_TARGET: Final = "AmazonAthena."
_JSON: Final = "application/x-amz-json-1.1"

Environment = dict[str, Any]
Start = Callable[..., Any]


class Application:
    """A WSGI application: requests to Athena go to `api`, all others to moto, one at a time.

    moto looks and then writes, so two conditional writes at once could both be taken.
    """

    def __init__(self) -> None:
        shims.apply()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._one_at_a_time = threading.Lock()
        self.api: Api | None = None

    def __call__(self, environment: Environment, start: Start) -> Iterable[bytes]:
        """Hear a request in whole, and answer it in whole."""
        sent, chunked = environment["wsgi.input"], environment.get("wsgi.input_terminated")
        body = sent.read() if chunked else sent.read(int(environment.get("CONTENT_LENGTH") or 0))
        target = environment.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith(_TARGET):
            return self._athena(target.removeprefix(_TARGET), body, start)
        environment["wsgi.input"] = BytesIO(body)
        with self._one_at_a_time:
            return list(self._moto(environment, start))

    def _api(self) -> Api:
        if self.api is None:
            raise ApiError("InternalServerException", "Athena is not up yet")
        return self.api

    def _athena(self, operation: str, body: bytes, start: Start) -> Iterable[bytes]:
        try:
            return _answer(start, "200 OK", self._api().answer(operation, json.loads(body or b"{}")))
        except ApiError as e:
            found = {"__type": e.kind, "message": str(e), "Message": str(e)}
            return _answer(start, "400 Bad Request", found, ("x-amzn-ErrorType", e.kind))


def _answer(start: Start, status: str, body: dict[str, Any], *headers: tuple[str, str]) -> list[bytes]:
    content = json.dumps(body).encode()
    start(status, [("Content-Type", _JSON), ("Content-Length", str(len(content))), *headers])
    return [content]


class _Handler(WSGIRequestHandler):
    """Keeps connections open, as clients of AWS want it."""

    protocol_version = "HTTP/1.1"


class Server:
    """What is served, and where.

    Attributes:
        address: of Athena, S3, Glue and STS
        trino: of Trino itself
        region: of everything
    """

    def __init__(self, address: str, trino: str, region: str) -> None:
        self.address, self.trino, self.region = address, trino, region

    def environment(self) -> dict[str, str]:
        """The environment variables with which programs find it."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def serving(cache: Path = CACHE, port: int = 0, region: str = REGION) -> Iterator[Server]:
    """Serve until the block ends.

    Args:
        cache: where Trino is kept
        port: of Athena and its neighbours; 0 takes a free one
        region: moto keeps regions apart, so clients have to say the same one

    Raises:
        SetupError: Trino cannot be had or started
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with ExitStack() as stack:
        state = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="athena-", ignore_cleanup_errors=True))
        )
        application = Application()
        web = make_server("127.0.0.1", port, application, threaded=True, request_handler=_Handler)
        stack.callback(web.server_close)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        stack.callback(web.shutdown)
        address = f"http://127.0.0.1:{web.server_port}"
        trino = Trino(cache, state / "trino", address, region)
        stack.callback(trino.stop)
        application.api = _api(address, trino.address, region)
        yield Server(address, trino.address, region)


def _api(address: str, trino: str, region: str) -> Api:
    engine = Engine(trino)
    storage, catalogue = Storage(_client("s3", address, region)), Catalogue(_client("glue", address, region))
    storage.make_bucket(RESULTS, region)
    catalogue.create_database("default", {}, missing_only=True)
    services = Services(engine, catalogue, storage, Functions(engine))
    return Api(services, Workgroups(f"s3://{RESULTS}/"))


def _client(service: str, address: str, region: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=address,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - anything will do
    )
