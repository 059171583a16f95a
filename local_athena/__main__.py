"""`python -m local_athena`: serve in the foreground, and say how to use it."""

from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentParser

from local_athena.errors import SetupError
from local_athena.server import REGION, Server, serving

_EXAMPLE = """
Then, for example:

  aws s3 mb s3://lake
  python -c "import awswrangler as wr; print(wr.athena.read_sql_query('select 1 as one', database='default', ctas_approach=False))"

Ctrl-C ends it; nothing is kept.
"""


def main() -> int:
    """Serve until it is interrupted."""
    parser = ArgumentParser("local_athena", description="Athena on one machine")
    parser.add_argument("--port", type=int, default=5600)
    parser.add_argument("--region", default=REGION)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Trino has to end with its server
    try:
        with serving(port=chosen.port, region=chosen.region) as server:
            sys.stdout.write(_said(server))
            sys.stdout.flush()
            while True:
                time.sleep(3600)
    except SetupError as e:
        sys.stderr.write(f"{e}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _said(server: Server) -> str:
    lines = [f"Athena, S3, Glue and STS: {server.address}", f"Trino itself: {server.trino}", ""]
    lines += [f"export {name}={value}" for name, value in server.environment().items()]
    return "\n".join(lines) + "\n" + _EXAMPLE


if __name__ == "__main__":
    sys.exit(main())
