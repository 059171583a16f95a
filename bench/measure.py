"""Runs a command and measures it from outside: wall seconds, CPU seconds, and where asked peak memory, of its whole process tree.

To ask for the memory of processes so often that no peak is missed costs a good part of a core, which they then lack.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Measured:
    """Wall seconds, peak proportional memory (bytes; 0 where it was not watched) and CPU seconds of a command; what it printed."""

    seconds: float
    peak_bytes: int
    cpu_seconds: float
    output: str


def measure(*arguments: str, memory: bool = False) -> Measured:
    """Run `python ARGUMENTS…` to its end; `memory` has its memory watched.

    Raises:
        RuntimeError: when it fails; a benchmark of a failure is none.
    """
    began = time.perf_counter()
    process = psutil.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peak, cpu = 0, dict[int, float]()
    while process.poll() is None:
        peak = max(peak, _memory(process) if memory else 0)
        cpu |= _cpu(process)
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    output = process.stdout.read().decode() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}:\n{output[-2000:]}")
    return Measured(seconds, peak, sum(cpu.values()), output)


def _memory(process: psutil.Process) -> int:
    try:
        return sum(_pss(each) for each in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0


def _cpu(process: psutil.Process) -> dict[int, float]:
    """CPU seconds so far, by process; one that ends between two looks keeps what it had at the last."""
    found = {}
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                times = each.cpu_times()
                found[each.pid] = times.user + times.system
    return found


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        return 0


def lake(*arguments: str, memory: bool = False) -> Measured:
    """Measure a `lake` command."""
    return measure("-c", "from cli.main import main; main()", *arguments, memory=memory)


def size_of(folder: Path) -> int:
    """Bytes of the files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
