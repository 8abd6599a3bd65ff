"""Three instances on one PostgreSQL behind nginx, with the configuration that the guide gives."""

import http.client
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from exeat.vault.keyring_file import open_keyring
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.postgres import postgres
from tests.support.programs import Program, find_program, free_port
from tests.support.recorded import behave

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "administering.md"
CALLER = "127.0.0.2"
INSTANCES = 3
SOON_S = 1.0
PAUSE_S = 0.01  # of a caller between two calls: the machine is to have time for the instances too
TOKEN = MARKERS.make("token for three instances")
MINE_AGAIN_S = 15.0  # nginx leaves an instance alone for ten seconds after it wasn't there


class Site(NamedTuple):
    """What stands behind one address."""

    port: int
    context: ssl.SSLContext
    gateways: list[Gateway]

    def connect(self) -> http.client.HTTPSConnection:
        """A connection of a caller."""
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=15, context=self.context, source_address=(CALLER, 0)
        )

    def status(self, key: MadeKey) -> int:
        """The status of one call on a connection of its own."""
        connection = self.connect()
        try:
            return call(connection, "GET", key)
        finally:
            connection.close()


def call(connection: http.client.HTTPSConnection, method: str, key: MadeKey) -> int:
    """One call, and its status; the connection is kept, or made again where it was closed in good order."""
    body = b"order" if method == "POST" else None
    connection.request(method, "/api/fine", body=body, headers={"Exeat-Key": key.key})
    response = connection.getresponse()
    response.read()
    return response.status


class Load:
    """Callers with kept connections, who note every answer and when it came."""

    def __init__(self, site: Site, key: MadeKey, *, readers: int = 4) -> None:
        self.reads: list[tuple[float, int]] = []
        self.writes: list[tuple[float, int]] = []
        self.failures: list[str] = []
        self._site, self._key = site, key
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=("GET", self.reads)) for _ in range(readers)]
        self._threads.append(threading.Thread(target=self._run, args=("POST", self.writes)))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, method: str, answers: list[tuple[float, int]]) -> None:
        connection = self._site.connect()
        try:
            while not self._ending.wait(PAUSE_S):
                answers.append((time.monotonic(), call(connection, method, self._key)))
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{method}: {error!r}")
        finally:
            connection.close()


def configuration(folder: Path, port: int, ports: list[int]) -> str:
    """The guide's own text, in which only ports and paths are others."""
    found = re.findall(r"```nginx\n# nginx\.conf\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(found) == 1
    text = str(found[0])
    others = {
        "http {": "http {" + "".join(f" {kind}_temp_path {folder}/{kind};" for kind in TEMPORARY),
        "listen 8443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/exeat/server.pem": f"{folder}/server.pem",
        "/etc/exeat/server.key": f"{folder}/server.key",
        **{f"gateway-{number + 1}.internal:8080": f"127.0.0.1:{own}" for number, own in enumerate(ports)},
    }
    for written, other in others.items():
        assert text.count(written) == 1, written
        text = text.replace(written, other)
    return text


TEMPORARY = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")


def nginx(folder: Path, ports: list[int]) -> Program:
    """A proxy as the guide has it, in front of these ports."""
    port, file = free_port(), folder / "nginx.conf"
    file.write_text(configuration(folder, port, ports), "ascii")
    private = f"daemon off; pid {folder}/pid;" + (" user root root;" if os.geteuid() == 0 else "")
    return Program(
        [find_program("nginx"), "-p", str(folder), "-c", str(file), "-e", "stderr", "-g", private], port, folder
    )


@contextmanager
def site(folder: Path, env: Mapping[str, str]) -> Iterator[Site]:
    """Three instances that share what `env` says, and nginx in front of them."""
    authority = Authority(folder)
    authority.write_pair(folder / "server.pem", folder / "server.key")
    with ExitStack() as stack:
        gateways = []
        for number in range(INSTANCES):
            own = folder / f"instance-{number}"
            own.mkdir()
            listens = {
                "EXEAT_LISTEN": f"127.0.0.1:{free_port()}",
                "EXEAT_CONTROL_LISTEN": f"127.0.0.1:{free_port()}",
                "EXEAT_TLS": "off",
                "EXEAT_TRUSTED_PROXIES": "127.0.0.1",
                "EXEAT_ADMIN_TOKEN": TOKEN,
                "EXEAT_LOG_LEVEL": "info",
            }
            gateways.append(stack.enter_context(Gateway("{}", {**env, **listens}, folder=own)))
        (folder / "nginx").mkdir()
        for name in ("server.pem", "server.key"):
            (folder / name).rename(folder / "nginx" / name)
        front = stack.enter_context(nginx(folder / "nginx", [gateway.port for gateway in gateways]))
        yield Site(front.port, authority.client_context(), gateways)


def revoke(gateway: Gateway, key: MadeKey) -> None:
    """Revoke a key by the API of an instance."""
    urls = gateway.serving["control"]
    assert isinstance(urls, list)
    path = f"/api/v1/keys/{key.key[6:18]}/revoke"
    connection = http.client.HTTPConnection(str(urls[0]).removeprefix("http://"), timeout=15)
    connection.request("POST", path, headers={"Authorization": f"Bearer {TOKEN}"})
    assert connection.getresponse().status == 200
    connection.close()


def test_instances_behind_nginx(tmp_path: Path) -> None:
    """An instance may be ended and started again: what nginx can repeat doesn't fail; a revoked key is soon refused."""
    key, other = make_key(), make_key()
    open_keyring(None, tmp_path, tmp_path)
    with postgres() as server, Origin(behave) as origin:
        url = server.make_database()
        engine = open_database(url)
        migrate(engine)
        with editing(engine, Author("test"), now_us=time.time_ns() // 1000) as edit:
            edit.put("upstream", "api", origin.entry())
            edit.put("consumer", "web", {"grants": ["api"]})
            for one in (key, other):
                edit.add_key(id=one.key[6:18], sha256=one.sha256, consumer="web")
        engine.dispose()
        with site(tmp_path, {"EXEAT_DATABASE_URL": url, "EXEAT_KEYRING": f"file:{tmp_path}/keyring"}) as here:
            ended, asked, _ = here.gateways
            with Load(here, key) as load:
                wait_until(lambda: len(load.reads) > 300 and len(load.writes) > 50, "there is load")
                ended.stop()
                begun = len(load.reads)
                wait_until(lambda: len(load.reads) > begun + 300, "there is load without it")
                ended.start()
                wait_until(lambda: len(ended.access_lines()) > 20, "it gets calls again", MINE_AGAIN_S)
                revoke(asked, other)
                revoked_at = time.monotonic()
                wait_until(lambda: here.status(other) == 401, "the key is refused somewhere")
                while time.monotonic() < revoked_at + SOON_S:
                    here.status(other)
                assert {here.status(other) for _ in range(4 * INSTANCES)} == {401}
            assert load.failures == []
            assert {status for _, status in load.reads} == {200}
            assert {status for _, status in load.writes} <= {200, 502}
            assert {line["address"] for line in ended.access_lines()} == {CALLER}
