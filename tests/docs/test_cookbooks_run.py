"""Pages on doing it again, followed to the letter: every command of a page runs and ends well, but for those that need AWS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from commands import DONE, LAKE, environment

from tests.docs.test_docs import BLOCK, COOKBOOKS, ROOT, blocks

pytestmark = pytest.mark.dbt

PAGES: Final = (
    "reprocess-a-window.md",
    "repair-quarantine.md",
    "replay-events.md",
    "redrive-failed-deliveries.md",
    "keep-a-lake-in-shape.md",
    "erase-a-person.md",
)
NEEDS_AWS: Final = re.compile(r"--to-bus|lake archive|redrive queue|redrive outbox|s3://|AWS_REGION")
SIZE: Final = ("--events", "1500", "--days", "4", "--seed", "4")
REPLACED: Final = {"customer-42": "select min(customer_id) as it from curated.order_placed"}
"""Names that stand for one of the reader's own, and where the reader finds one."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to stand in, like a checkout: with a small lake in `demo-lake`."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("examples", "tests"):
        (folder / name).symlink_to(ROOT / name)
    run(folder, "lake init demo-lake")
    run(folder, f"lake simulate --lake demo-lake {' '.join(SIZE)} --faults")
    run(folder, "lake run --lake demo-lake")
    return folder


def run(folder: Path, line: str) -> str:
    """Run one line of a page in the folder, as a shell would."""
    lake = " ".join(f"'{word}'" for word in LAKE)
    script = f'lake() {{ {lake} "$@"; }}\npython() {{ {sys.executable} "$@"; }}\n{line}\n'
    env = {**environment(), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == DONE, f"{line}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_the_page_run(demo: Path, page: str) -> None:
    for _, title, text in BLOCK.findall((COOKBOOKS / page).read_text("utf-8")):
        if title:
            (demo / title).parent.mkdir(exist_ok=True)
            (demo / title).write_text(text, "utf-8")
    scripts = (script.replace("\\\n", " ") for script in blocks(COOKBOOKS / page, "sh"))
    lines = [line for script in scripts for line in script.splitlines()]
    ran = [line for line in lines if line.strip() and not NEEDS_AWS.search(line)]
    for line in ran:
        run(demo, own(demo, line))
    assert len(ran) > 1


def own(folder: Path, line: str) -> str:
    """The line with a name of the reader's own."""
    for name, sql in REPLACED.items():
        if name in line:
            found = run(folder, f'lake sql --lake demo-lake --format csv "{sql}"').splitlines()[1]
            line = line.replace(name, found)
    return line
