"""A private Redis on a free port, or a cluster of three, with a password, and TLS where a test wants it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support.gateway import environment, wait_until
from tests.support.programs import find_program, free_port

STOP_S = 10.0
PASSWORD = "redis-secret-of-a-test"
SLOTS = 16_384


class RedisServer:
    """A server, running but between stop() and start(). `options` are those of its configuration."""

    def __init__(self, folder: Path, options: Sequence[str], *, tls: Path | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.socket = folder / "redis.sock"
        self._tls = tls
        port = ("--port", "0", "--tls-port", str(self.port)) if tls is not None else ("--port", str(self.port))
        self._command = [
            find_program("redis-server"),
            *port,
            *("--bind", "127.0.0.1", "--unixsocket", str(self.socket), "--dir", str(folder), "--save", ""),
            *("--requirepass", PASSWORD, "--loglevel", "warning"),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, with the password."""
        if self._tls is not None:
            return f"rediss://:{PASSWORD}@localhost:{self.port}/0?ssl_ca_certs={self._tls}"
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    @property
    def socket_url(self) -> str:
        """The URL of its Unix socket."""
        return f"unix://:{PASSWORD}@{self.socket}"

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
        wait_until(self.accepts, "Redis accepts connections")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
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
        """For a block it stands still: connections are taken by the system, and nobody answers."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def run(self, *command: str | int) -> Any:
        """Run a command."""
        with Redis(unix_socket_path=str(self.socket), password=PASSWORD, decode_responses=True) as client:
            return client.execute_command(*command)

    def calls(self, command: str) -> int:
        """How often a command was called."""
        return int(self.run("INFO", "commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))

    def accepts(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.run("PING"))
        except RedisConnectionError:  # and while it loads its file
            return False


@contextmanager
def redis_server(*options: str, tls: tuple[Path, Path, Path] | None = None) -> Iterator[RedisServer]:
    """Start a server, and stop it and remove its files at the end; `tls`: authority, certificate and key."""
    # Not in pytest's folder: the path of a socket has to be shorter than 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="exeat-redis-", dir="/tmp"))
    secure: list[str] = []
    if tls is not None:
        authority, certificate, key = tls
        secure = ["--tls-ca-cert-file", str(authority), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
        secure += ["--tls-auth-clients", "no"]
    try:
        server = RedisServer(folder, [*secure, *options], tls=None if tls is None else tls[0])
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGKILL)
    finally:
        shutil.rmtree(folder)


@contextmanager
def redis_cluster(masters: int = 3) -> Iterator[list[RedisServer]]:
    """Start a cluster of masters that share the slots evenly."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--masterauth", PASSWORD)
        ports = [free_port() for _ in range(masters)]
        servers = [stack.enter_context(redis_server(*options, "--cluster-port", str(port))) for port in ports]
        share = -(-SLOTS // masters)
        for number, server in enumerate(servers):
            server.run("CLUSTER", "ADDSLOTSRANGE", number * share, min(SLOTS, (number + 1) * share) - 1)
            server.run("CONFIG", "SET", "cluster-announce-ip", "127.0.0.1")
            server.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        bus = ports[0]
        for server in servers[1:]:
            server.run("CLUSTER", "MEET", "127.0.0.1", servers[0].port, bus)
        wait_until(lambda: all(_is_whole(server, masters) for server in servers), "the cluster is whole")
        yield servers


def _is_whole(server: RedisServer, masters: int) -> bool:
    told = server.run("CLUSTER", "INFO")
    facts = told if isinstance(told, dict) else dict(line.split(":", 1) for line in str(told).split())
    return facts["cluster_state"] == "ok" and int(facts["cluster_known_nodes"]) == masters


def cluster_url(servers: Sequence[RedisServer]) -> str:
    """The URL of a cluster."""
    return f"redis+cluster://:{PASSWORD}@" + ",".join(f"127.0.0.1:{server.port}" for server in servers)
