from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOADED = 2 if shutil.which("wrk") else 0
"""Goals of the collector, which only a native load tool measures."""

GOALS = 15 + LOADED


def test_the_benchmarks_run_and_say_whether_each_goal_is_met(tmp_path: Path) -> None:
    sizes = [
        "--events",
        "4000",
        "--large",
        "2",
        "--memory",
        "2",
        "--hours",
        "4",
        "--days",
        "3",
        "--rounds",
        "1",
        "--seconds",
        "1",
    ]
    command = [
        sys.executable,
        "-m",
        "bench",
        *sizes,
        "--scratch",
        str(tmp_path),
        "--only",
        *"134568",
        "9",
        "10",
        "11",
        "12",
        "13",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"│ (NOT MET|met) +│", done.stdout)) == GOALS
    assert "equal; missing 0, extra 0" in done.stdout
    assert "ids and times in 10 tables, equal" in done.stdout
    assert "all in the log" in done.stdout
    assert "a search finds the person 0 times" in done.stdout
    assert len(re.findall(r"[1-9][0-9]* acknowledged, ", done.stdout)) == LOADED
    assert "DIFFERENT" not in done.stdout
