"""A private PostgreSQL server on a Unix socket, whose databases a test may have for itself."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.gateway import environment, wait_until
from tests.support.programs import find_program

STOP_S = 20.0
_VERSIONS = Path("/usr/lib/postgresql")  # where Debian keeps what isn't meant for everybody's path
_NOBODY = ("postgres", "nobody")
# What is lost with the power was going to be deleted anyway.
_SETTINGS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "listen_addresses=", "max_connections=50")


class Postgres:
    """A running server, the process `pid`. `folder` holds its socket and its files."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.folder = folder
        self.pid = pid
        self._numbers = itertools.count(1)

    def url(self, database: str = "postgres") -> str:
        """The URL of a database, without a password: the socket is ours alone."""
        return f"postgresql://exeat@/{database}?host={self.folder}"

    def make_database(self) -> str:
        """The URL of a new database without any tables."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run statements outside of a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def accepts(self) -> bool:
        """Whether it answers."""
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres(settings: Sequence[str] = _SETTINGS) -> Iterator[Postgres]:
    """Start a server, and stop it and remove its files at the end."""
    # Not in pytest's folder: the path of a socket has to be shorter than 108 bytes, and another user has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="exeat-pg-", dir="/tmp"))
    try:
        prefix = _become_somebody(folder)
        data = folder / "data"
        init = [
            *prefix,
            _program("initdb"),
            "-D",
            str(data),
            "-U",
            "exeat",
            "--no-sync",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run(init, check=True, capture_output=True, env=environment({}), cwd=folder)
        options = [part for setting in settings for part in ("-c", setting)]
        command = [*prefix, _program("postgres"), "-D", str(data), "-k", str(folder), *options]
        with _running(command, folder) as pid:
            server = Postgres(folder, pid)
            wait_until(server.accepts, "PostgreSQL accepts connections")
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[int]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment({}), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGQUIT)  # at once: what it would still write to disk is removed next
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _become_somebody(folder: Path) -> list[str]:
    """What a command has to begin with: neither initdb nor postgres runs as root."""
    if os.geteuid() != 0:
        return []
    user = next(entry for entry in map(_user, _NOBODY) if entry is not None)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [find_program("setpriv"), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _program(name: str) -> str:
    """The newest of Debian's, or the one on the path."""
    found = sorted(_VERSIONS.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(found[-1]) if found else find_program(name)
