"""What a Glue job must be given besides Glue's own packages: found from the imports of the jobs, pinned as everywhere else.

`python -m glue_jobs.modules dist/glue` builds this project's wheel and downloads all others into a folder, for jobs without internet,
and prints the value of `--additional-python-modules` and the size of it all.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Final

import grimp
from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[1]
OURS: Final = ("contracts", "glue_jobs", "ingestion", "lakehouse", "pipeline", "transforms")
JOBS: Final = ("glue_jobs.curate",)
PROVIDED: Final = frozenset(
    {"pyspark", "py4j", "boto3", "botocore", "s3transfer", "jmespath", "awsgluedataplanepython"}
)
"""What Glue 6.0 brings (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html, 2026-11)."""
PYTHON: Final = "3.13"
PLATFORMS: Final = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def modules(jobs: Iterable[str] = JOBS) -> list[str]:
    """Pinned requirements of the jobs, in order, without what Glue brings."""
    graph = grimp.build_graph(*OURS, include_external_packages=True)
    reached = {name for job in jobs for name in (*graph.find_upstream_modules(job), job)}
    imported = {name.partition(".")[0] for name in reached} - set(OURS)
    homes = packages_distributions()
    needed: set[str] = set()
    for package in imported:
        for home in homes.get(package, ()):
            _close(_canonical(home), needed)
    pins = _pins()
    return [pins[name] for name in sorted(needed - PROVIDED) if name in pins]


def _close(name: str, found: set[str]) -> None:
    """Add a distribution and what it requires, with the extras that this project asks of it."""
    if name in found or name in PROVIDED:
        return
    try:
        requires = distribution(name).requires or []
    except PackageNotFoundError:  # for another platform or Python
        return
    found.add(name)
    for requirement in map(Requirement, requires):
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({"extra": extra}) for extra in ("", *_extras().get(name, ()))
        ):
            _close(_canonical(requirement.name), found)


@cache
def _extras() -> dict[str, set[str]]:
    """Extras that this project's requirements name, by distribution."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in map(Requirement, distribution("unified-commerce-lake").requires or []):
        found[_canonical(each.name)] |= each.extras
    return found


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {_canonical(line.partition("==")[0]): line for line in lines if "==" in line}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def collect(folder: Path) -> list[Path]:
    """Build our wheel and download the others, for Glue's Python and platform; returns every file."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    target = ["--python-version", PYTHON, *platforms, "--only-binary", ":all:"]
    _run([*pip, "download", "--no-deps", "--dest", str(folder), *target, *modules()])
    return sorted(folder.glob("*.whl"))


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)  # noqa: S603 pip, with our own words


def main() -> None:
    """Print the value of `--additional-python-modules`; with a folder, fill it first and name its files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="where to collect wheels; without it, only names are printed"
    )
    parser.add_argument("--s3", default="s3://BUCKET/wheels", help="where the folder will be uploaded to")
    arguments = parser.parse_args()
    if arguments.folder is None:
        sys.stdout.write(",".join(modules()) + "\n")
        return
    files = collect(arguments.folder)
    sys.stdout.write(",".join(f"{arguments.s3}/{file.name}" for file in files) + "\n")
    size = sum(file.stat().st_size for file in files)
    sys.stderr.write(
        f"{len(files)} wheels, {size / 1e6:.0f} MB in {arguments.folder}; upload them to {arguments.s3}.\n"
    )


if __name__ == "__main__":
    main()
