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
    """A server, running but between stop() and start(). `folder` holds its socket and its files."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    @property
    def pid(self) -> int:
        """Its first process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=environment({}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        wait_until(self.accepts, "PostgreSQL accepts connections")

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it: at once with SIGQUIT, as if it had crashed; with SIGINT connections are closed in good order."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """For a block all of its processes stand still: connections are taken by the system, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)  # first: from then on it starts no other
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        pids = [*map(int, children), self.pid]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

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
        server = Postgres(folder, command)
        try:
            server.start()
            yield server
        finally:
            server.stop()  # at once: what it would still write to disk is removed next
    finally:
        shutil.rmtree(folder)


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
