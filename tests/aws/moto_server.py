"""AWS's services on this machine: moto, made as strict as AWS is where two writers meet.

- Glue refuses an update of a table's old version. moto ignores VersionId and loses one of two commits without a word.
- S3 decides a conditional write in one step. moto looks and then writes, so requests are answered one at a time.

Prints its port, and serves until its standard input ends.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from moto.glue.exceptions import GlueClientError
from moto.glue.responses import GlueResponse
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

_ONE_AT_A_TIME = threading.Lock()


class ConcurrentModificationError(GlueClientError):
    """What Glue says to the later of two writers."""

    def __init__(self) -> None:
        super().__init__(
            "ConcurrentModificationException", "Update table failed due to concurrent modifications."
        )


def be_strict() -> None:
    """Have Glue compare versions."""
    lenient = GlueResponse.update_table

    def update_table(self: Any) -> Any:
        asked = self.parameters.get("VersionId")
        name = self.parameters["TableInput"]["Name"]
        table = self.glue_backend.get_table(self.parameters.get("DatabaseName"), name)
        if asked is not None and asked != table.as_dict()["VersionId"]:
            raise ConcurrentModificationError
        return lenient(self)

    GlueResponse.update_table = update_table


class InTurn:
    """An application whose requests are answered one at a time."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environment: Any, start: Any) -> Iterable[bytes]:
        """Hear a request in whole, as who sends it may be stopped meanwhile; answer it in whole before the next one."""
        sent, chunked = environment["wsgi.input"], environment.get("wsgi.input_terminated")
        body = sent.read() if chunked else sent.read(int(environment.get("CONTENT_LENGTH") or 0))
        environment["wsgi.input"] = BytesIO(body)
        with _ONE_AT_A_TIME:
            return list(self._application(environment, start))


def main() -> None:
    """Serve."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    if "lenient" not in sys.argv:
        be_strict()
    application = InTurn(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
