"""Trino's configuration, and Trino as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from local_athena import distribution
from local_athena.engine import CATALOG, ICEBERG, Engine
from local_athena.errors import QueryFailedError, SetupError

_READY: Final = "SELECT count(*) FROM system.runtime.nodes WHERE state = 'active' AND coordinator"
_SECONDS: Final = 180
_HEAP: Final = "1536M"
_JVM: Final = (
    f"-Xmx{_HEAP}", "-XX:+UseG1GC", "-XX:G1HeapRegionSize=8M", "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:+ExitOnOutOfMemoryError", "-XX:-OmitStackTraceInFastThrow", "-XX:ReservedCodeCacheSize=256M",
    "-XX:TieredStopAtLevel=1", "-XX:+AutoCreateSharedArchive", "-Djdk.attach.allowAttachSelf=true",
    "-Djdk.nio.maxCachedBufferSize=2000000", "-Dfile.encoding=UTF-8", "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)  # fmt: skip


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Trino:
    """A Trino that answers queries until it is stopped.

    Attributes:
        address: where it answers, http://…
    """

    def __init__(self, cache: Path, state: Path, services: str, region: str) -> None:
        """Start it, and wait until a query answers; its web server answers before it can run any.

        Args:
            cache: where Trino and Java are, or are fetched to
            state: a folder for this process's configuration, log and scratch
            services: the address of S3 and Glue
            region: the region of both

        Raises:
            SetupError: it cannot be had, or did not come up
        """
        home, java = distribution.trino(cache), distribution.java(cache)
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._log = state / "trino.log"
        _configure(state, port, services, region)
        command = _command(home, java, cache, state)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=state)  # noqa: S603 - our own
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        engine, until = Engine(self.address), time.monotonic() + _SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise SetupError(f"Trino ended at its start; see {self._log}")
            try:
                if engine.run(_READY).rows[0][0]:
                    return
            except QueryFailedError:
                pass
            time.sleep(0.2)
        raise SetupError(f"Trino did not come up within {_SECONDS} s; see {self._log}")

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _command(home: Path, java: Path, cache: Path, state: Path) -> list[str]:
    settings = {
        "node.environment": "local",
        "node.id": "local",
        "node.data-dir": state / "data",
        "plugin.dir": home / "plugin",
        "catalog.config-dir": state / "catalog",
        "config": state / "config.properties",
        "log.levels-file": state / "log.properties",
    }
    defined = [f"-D{name}={value}" for name, value in settings.items()]
    archive = f"-XX:SharedArchiveFile={cache / 'classes.jsa'}"
    return [str(java), *_JVM, archive, *defined, "-cp", f"{home / 'lib'}/*", "io.trino.server.TrinoServer"]


def _configure(state: Path, port: int, services: str, region: str) -> None:
    (state / "catalog").mkdir(parents=True)
    (state / "data").mkdir()
    _write(state / "config.properties", _server(port))
    _write(state / "log.properties", {"io.trino": "WARN"})
    shared = _storage(services, region)
    _write(state / "catalog" / f"{CATALOG}.properties", _hive() | shared)
    _write(state / "catalog" / f"{ICEBERG}.properties", _iceberg() | shared)


def _write(path: Path, settings: dict[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")


def _server(port: int) -> dict[str, str]:
    return {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": str(port),
        "http-server.max-request-header-size": "2MB",
        "node.internal-address": "127.0.0.1",
        "node.bind-ip": "127.0.0.1",
        "discovery.uri": f"http://127.0.0.1:{port}",
        "query.max-memory": "512MB",
        "query.max-memory-per-node": "512MB",
        "memory.heap-headroom-per-node": "256MB",
        "catalog.management": "static",
        "task.concurrency": "2",
        "task.min-writer-count": "1",  # limits of partitions are those of one writer
        "task.max-writer-count": "1",
        "task.max-worker-threads": "4",
        "query.min-expire-age": "1m",
        "web-ui.enabled": "false",
    }


def _storage(services: str, region: str) -> dict[str, str]:
    return {
        "fs.native-s3.enabled": "true",
        "s3.endpoint": services,
        "s3.region": region,
        "s3.path-style-access": "true",
        "s3.aws-access-key": "local",
        "s3.aws-secret-key": "local",
        "hive.metastore.glue.region": region,
        "hive.metastore.glue.endpoint-url": services,
        "hive.metastore.glue.aws-access-key": "local",
        "hive.metastore.glue.aws-secret-key": "local",
    }


def _hive() -> dict[str, str]:
    """One catalogue, as Athena has: Hive's tables, and Iceberg's by redirection. A hundred partitions for each writer, as on Athena."""
    return {
        "connector.name": "hive",
        "hive.metastore": "glue",
        "hive.iceberg-catalog-name": ICEBERG,
        "hive.non-managed-table-writes-enabled": "true",
        "hive.max-partitions-per-writers": "100",
        "hive.partition-projection-enabled": "true",
        "hive.recursive-directories": "true",
    }


def _iceberg() -> dict[str, str]:
    return {
        "connector.name": "iceberg",
        "iceberg.catalog.type": "glue",
        "iceberg.hive-catalog-name": CATALOG,
        "iceberg.max-partitions-per-writer": "100",
        "iceberg.expire-snapshots.min-retention": "0s",
        "iceberg.remove-orphan-files.min-retention": "0s",
        "iceberg.allowed-extra-properties": "*",
    }
