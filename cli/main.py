"""The command group and the one match from exception to exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from types import FrameType

import click

from cli import console
from cli.archive import archive
from cli.backfill import backfill
from cli.collect import collect, keys, webhooks
from cli.demo import demo
from cli.erase import erase, erasures
from cli.extract import extract
from cli.link import link
from cli.look import contracts, quarantine, sql, status
from cli.outbox import outbox
from cli.parity import parity
from cli.pseudonyms import pseudonyms
from cli.redrive import redrive
from cli.repair import repair
from cli.replay import replay
from cli.reprocess import reprocess
from cli.road import build, curate, derive, land, run, simulate
from cli.sources import ingest, sources
from cli.subject import audit, subject
from cli.upkeep import init, maintain, pause, rebuild, resume, undo
from contracts.errors import LakeError, StorageError

_EPILOG = """
\b
Examples:
  lake demo                      the whole road on simulated commerce
  lake init && lake simulate --events 50000 --days 7 && lake run
  lake sql "select * from marts.mart_daily_sales order by sold_date desc limit 10"

\b
Exit codes: 0 done (some quarantined records are normal) · 1 a check or threshold failed · 2 wrong use or a defect ·
3 another run holds the lake or won the race · 4 the disk or another dependency failed, running again is safe ·
130, 143 stopped by a signal.
"""


@click.group(
    epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="unified-commerce-lake")
def lake() -> None:
    """The data platform behind a retailer's event buses: raw, curated, marts."""


quarantine.add_command(repair)

for _command in (
    init,
    simulate,
    collect,
    keys,
    webhooks,
    ingest,
    extract,
    sources,
    land,
    curate,
    derive,
    build,
    run,
    sql,
    status,
    quarantine,
    contracts,
    link,
    parity,
    pseudonyms,
    outbox,
    redrive,
    replay,
    archive,
    reprocess,
    backfill,
    erase,
    erasures,
    subject,
    audit,
    maintain,
    rebuild,
    undo,
    pause,
    resume,
    demo,
):
    lake.add_command(_command)


def main() -> None:
    """Run the command and exit with its code."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = lake.main(standalone_mode=False)
    except click.exceptions.Exit as e:
        code = e.exit_code
    except click.ClickException as e:
        e.show()
        code = e.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except LakeError as e:
        console.say(f"Error: {e}")
        code = e.exit_code
    except OSError as e:
        code = _os_error(e)
    except Exception as e:  # noqa: BLE001 the last line of defence: one message, never a bare stack trace
        code = _defect(e)
    sys.exit(code if isinstance(code, int) else 0)


def _terminated(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _os_error(error: OSError) -> int:
    if error.errno == errno.EPIPE:  # the reader of a pipe went away, such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    where = f" ({error.filename})" if error.filename else ""
    console.say(
        f"Error: {error.strerror or error}{where}. Free space or mend permissions, then run again; nothing is half-done."
    )
    return StorageError.exit_code


def _defect(error: Exception) -> int:
    if os.environ.get("LAKE_DEBUG"):
        traceback.print_exception(error)
    console.say(
        f"Error: {type(error).__name__}: {error}\nThis is a defect of the program, not of your data; nothing is half-done. "
        "Run again with LAKE_DEBUG=1 for the details to report."
    )
    return 2
