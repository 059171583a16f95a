"""The command line as its users run it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parents[2]
LAKE: Final = (sys.executable, "-c", "from cli.main import main; main()")
DONE, CHECK_FAILED, WRONG_USE, HELD, DISK_FAILED = range(5)

Finished = subprocess.CompletedProcess[str]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any failpoint, with this checkout first on the path; keys of pseudonyms stay as they are."""
    kept = {"LAKE_PSEUDONYM_KEYS"}
    inherited = {k: v for k, v in os.environ.items() if k in kept or not k.startswith("LAKE_")}
    return {**inherited, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", "NO_COLOR": "1", **more}


def lake_command(*words: str | Path, cwd: Path | None = None, **more: str) -> Finished:
    """Run `lake ...` to its end."""
    command = [*LAKE, *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False
    )


def answer(*words: str | Path) -> Any:
    """What a `lake ... --json` that must succeed prints."""
    done = lake_command(*words, "--json")
    assert done.returncode == DONE, done.stderr
    return json.loads(done.stdout)


def killed_at(point: str, *words: str | Path, log: Path) -> None:
    """Run `lake ...` and see it die at a commit point, and only there."""
    log.unlink(missing_ok=True)
    done = lake_command(*words, LAKE_FAILPOINT=point, LAKE_FAILPOINT_LOG=str(log))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert log.read_text(encoding="utf-8") == point.partition(":")[0] + "\n"


class Stopped:
    """A `lake ...` that stopped itself at a commit point, as a laptop does whose lid is closed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def go_on(self, told: signal.Signals | None = None) -> Finished:
        """Wake it, `told` to end if so, and let it come to its end."""
        if told is not None:
            self._process.send_signal(told)
        self._process.send_signal(signal.SIGCONT)
        out, err = self._process.communicate()
        return Finished(self._process.args, self._process.returncode, out, err)


@contextmanager
def stopped_at(point: str, *words: str | Path) -> Iterator[Stopped]:
    """Run `lake ...` until it stops itself at a commit point."""
    env = environment(LAKE_FAILPOINT=point, LAKE_FAILPOINT_SIGNAL="STOP")
    with subprocess.Popen(
        [*LAKE, *map(str, words)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it never reached {point}"
        try:
            yield Stopped(process)
        finally:
            process.kill()
