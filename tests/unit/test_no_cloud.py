from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# every import of a cloud's or a cluster's package is refused, and named on standard error
REFUSING = """
import sys
from importlib.abc import MetaPathFinder

class Refusing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"boto3", "botocore", "aiobotocore", "s3fs", "pyspark"}:
            print("asked for", name, file=sys.stderr)
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Refusing())
"""

EVERY_MODULE = """
import importlib, pkgutil
for package in ("cli", "contracts", "ingestion", "lakehouse", "pipeline", "simulator", "transforms"):
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if module.name != "lakehouse._spark":  # which is imported where a profile asks for it
            importlib.import_module(module.name)
            print(module.name)
"""

CURATE = """
import gzip, json
from pathlib import Path
from contracts.declarations import load_declarations
from contracts.samples import record
from lakehouse.lake import Lake
from lakehouse.sql import connect, query, release_of
from pipeline.curate import curate
declarations = load_declarations()
lake = Lake.create(Path(sys.argv[1]))
line = json.dumps(record(declarations, declarations.event("order_placed").latest)).encode()
lake.store.write("bus=commerce/ingest_date=2026-11-01/ingest_hour=09/a.json.gz", gzip.compress(line))
curate(lake)
with connect(lake, release_of(lake)) as connection:
    print(query(connection, "select count(*) as n from curated.order_placed").to_pylist())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", REFUSING + code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_refusal_is_seen() -> None:
    found = run("import boto3")
    assert found.returncode == 1
    assert "asked for boto3" in found.stderr


def test_every_module_loads_and_raw_becomes_curated_where_no_cloud_and_no_cluster_is(tmp_path: Path) -> None:
    found = run(EVERY_MODULE + CURATE, str(tmp_path / "lake"))
    assert found.returncode == 0, found.stderr
    *modules, counted = found.stdout.splitlines()
    assert {"cli.main", "lakehouse.catalogue", "pipeline.curate"} <= set(modules)
    assert counted == "[{'n': 1}]"
    assert "asked for" not in found.stderr
