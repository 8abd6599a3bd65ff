"""Three instances on one PostgreSQL behind nginx or HAProxy, with the configurations that the guide gives."""

import http.client
import json
import os
import re
import signal
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, wait_until
from tests.support.markers import MARKERS
from tests.support.programs import Program, find_program, free_port

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "running-three-instances.md"
CALLER = "127.0.0.2"
INSTANCES = 3
AGAIN_S = 60.0
TOKEN = MARKERS.make("token for three instances")

Front = Callable[[Path, list[int]], Program]
_TEMPORARY = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
_OF_NGINX = re.compile(r"(?P<servers>\S+(?:, \S+)*) (?P<each>[\d-]+(?:, [\d-]+)*) (?P<status>\d+) \S+ (?P<target>\S+)")
_OF_HAPROXY = re.compile(r" exeat/(?P<servers>\S+) \S+ (?P<status>-?\d+) .*\"\S+ (?P<target>\S+) HTTP")


class Passed(NamedTuple):
    """What a balancer says of one call: the servers that it was sent to, and the status that the caller got."""

    servers: tuple[str, ...]
    status: int


class Site(NamedTuple):
    """What stands behind one address; `log` is where the balancer writes what it passed on."""

    port: int
    context: ssl.SSLContext
    gateways: list[Gateway]
    log: Path

    def connect(self) -> http.client.HTTPSConnection:
        """A connection of a caller."""
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=15, context=self.context, source_address=(CALLER, 0)
        )

    def passed(self) -> dict[str, Passed]:
        """What the balancer passed on, by target; servers are called `gateway-1` to `gateway-3`."""
        text = self.log.read_text("utf-8", "replace")
        for number, gateway in enumerate(self.gateways):
            text = text.replace(f"127.0.0.1:{gateway.port}", f"gateway-{number + 1}")
        lines = [_OF_HAPROXY.search(line) or _OF_NGINX.match(line) for line in text.splitlines()]
        return {
            line["target"]: Passed(tuple(line["servers"].split(", ")), int(line["status"]))
            for line in lines
            if line is not None
        }


def example(language: str, name: str, others: Mapping[str, str]) -> str:
    """A file as the guide gives it, in which only what is named is written otherwise: ports and paths."""
    found = re.findall(rf"```{language}\n# {re.escape(name)}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(found) == 1
    text = str(found[0])
    for written, other in others.items():
        assert text.count(written) == 1, written
        text = text.replace(written, other)
    return text


def _addresses(ports: list[int]) -> dict[str, str]:
    return {f"gateway-{number + 1}.internal:8080": f"127.0.0.1:{own}" for number, own in enumerate(ports)}


def nginx(folder: Path, ports: list[int]) -> Program:
    """The guide's nginx in front of these ports."""
    port, file = free_port(), folder / "nginx.conf"
    others = {
        "http {": "http {" + "".join(f" {kind}_temp_path {folder}/{kind};" for kind in _TEMPORARY),
        "listen 8443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/var/log/nginx/calls.log": str(folder / "calls"),
        "/etc/exeat/server.pem": f"{folder}/server.pem",
        "/etc/exeat/server.key": f"{folder}/server.key",
        **_addresses(ports),
    }
    file.write_text(example("nginx", "nginx.conf", others), "ascii")
    private = f"daemon off; pid {folder}/pid;" + (" user root root;" if os.geteuid() == 0 else "")
    command = [find_program("nginx"), "-p", str(folder), "-c", str(file), "-e", "stderr", "-g", private]
    return Program(command, port, folder)


def haproxy(folder: Path, ports: list[int]) -> Program:
    """The guide's HAProxy in front of these ports."""
    port, file, pair = free_port(), folder / "haproxy.cfg", folder / "certificate-and-key.pem"
    pair.write_bytes((folder / "server.pem").read_bytes() + (folder / "server.key").read_bytes())
    others = {
        "bind :8443": f"bind 127.0.0.1:{port}",
        "/etc/exeat/certificate-and-key.pem": str(pair),
        **_addresses(ports),
    }
    file.write_text(example("haproxy", "haproxy.cfg", others), "ascii")
    return Program([find_program("haproxy"), "-db", "-f", str(file)], port, folder)


@contextmanager
def site(folder: Path, env: Mapping[str, str], front: Front = nginx) -> Iterator[Site]:
    """Three instances that share what `env` says, and a balancer in front of them."""
    authority = Authority(folder)
    own = folder / "front"
    own.mkdir()
    authority.write_pair(own / "server.pem", own / "server.key")
    with ExitStack() as stack:
        gateways = []
        for number in range(INSTANCES):
            home = folder / f"instance-{number + 1}"
            home.mkdir()
            listens = {
                "EXEAT_LISTEN": f"127.0.0.1:{free_port()}",
                "EXEAT_CONTROL_LISTEN": f"127.0.0.1:{free_port()}",
                "EXEAT_TLS": "off",
                "EXEAT_TRUSTED_PROXIES": "127.0.0.1",
                "EXEAT_ADMIN_TOKEN": TOKEN,
                "EXEAT_LOG_LEVEL": "info",
                "EXEAT_DRAIN_DELAY_S": "3",
            }
            gateways.append(Gateway("{}", {**env, **listens}, folder=home))
        with ThreadPoolExecutor(INSTANCES) as starting:
            list(starting.map(stack.enter_context, gateways))
        balancer = stack.enter_context(front(own, [gateway.port for gateway in gateways]))
        log = own / ("calls" if front is nginx else "output")
        yield Site(balancer.port, authority.client_context(), gateways, log)
        for gateway in gateways:  # all at once: each takes the time that a balancer needs to notice
            gateway.signal(signal.SIGTERM)
        assert [gateway.wait() for gateway in gateways] == [0] * INSTANCES


class Answer(NamedTuple):
    """What the API of an instance answered."""

    status: int
    data: Any


def ask(gateway: Gateway, method: str, path: str, data: object = None) -> Answer:
    """Ask the API of an instance for something, as its administrator."""
    urls = gateway.serving["control"]
    assert isinstance(urls, list)
    connection = http.client.HTTPConnection(str(urls[0]).removeprefix("http://"), timeout=15)
    fields = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = None if data is None else json.dumps(data)
    try:
        connection.request(method, f"/api/v1{path}", body=body, headers=fields)
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read() or b"null"))
    finally:
        connection.close()


def start_again(gateway: Gateway) -> None:
    """Start an instance at its old addresses, beside the load that goes on."""
    gateway.launch()
    wait_until(lambda: bool(gateway.events("serving")), "the instance serves again", AGAIN_S)


def kill_instance(gateway: Gateway) -> None:
    """Kill all processes of an instance, as a machine does that loses its power."""
    pids = [*gateway.control_pids(), *gateway.counters_pids(), *gateway.worker_pids()]
    os.kill(gateway.pid, signal.SIGSTOP)  # so that it puts nobody in the place of the others
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    gateway.kill()
