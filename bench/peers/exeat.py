"""Exeat as it is installed beside the Python that runs this: one worker, one document."""

import hashlib
import json
import subprocess
from pathlib import Path

from peers import Peer
from testbed import TLS_ROUTES, UPSTREAM_NAME, Route, Testbed, random_word

COMPILED = Path(__file__).parents[2] / "build" / "compiled"

_UPSTREAM = """\
  {route}:
    url: {scheme}://{name}:{port}
    credential: {{kind: bearer, secret: "${{file:{secret}}}"}}
    network: {{private: [127.0.0.0/8, "::1/128"]}}
    {security}
"""

_UNLIMITED = """\
consumers:
  bench:
    keys: [{{sha256: {digest}}}]
    grants: ["*"]
"""

# One rate that never refuses, as the other gateways have.
_CONSUMER = """\
consumers:
  bench:
    keys: [{{sha256: {digest}}}]
    grants: ["*"]
    limits: [{{rate: 1000000/second}}]
"""

# Three limits that apply to each request and that none reaches: a rate, another of the key, and concurrency.
_LIMITED = """\
limits: [{{concurrency: 10000}}]
consumers:
  bench:
    keys: [{{sha256: {digest}, limits: [{{rate: 1000000/second}}]}}]
    grants: ["*"]
    limits: [{{rate: 1000000/second}}]
"""

UNLIMITED, LIMITED, REDIS = OF_LIMITS = ("exeat-unlimited", "exeat-limited", "exeat-redis")  # what limits cost
CONSUMERS = {"exeat": _CONSUMER, UNLIMITED: _UNLIMITED, LIMITED: _LIMITED, REDIS: _LIMITED}
REDIS_SOCKET = "redis/redis.sock"


def redis_command(testbed: Testbed, binary: str) -> tuple[str, ...]:
    """A private Redis, reached by a Unix socket alone."""
    socket = testbed.file(REDIS_SOCKET)
    return (binary, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(socket.parent))


def make_key(binary: str | None) -> str:
    """A key made by Exeat, or where it is not installed a word of the same length for the others."""
    if binary is None:
        return f"exeat_{random_word(12)}_{random_word(38)}"
    command = (binary, "key", "create", "--json")
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(json.loads(made.stdout)["key"])


def exeat_version(binary: str) -> str:
    command = (binary, "version", "--json")
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    version = str(json.loads(shown.stdout)["version"])
    return f"{version}, hot path compiled" if COMPILED.is_dir() else f"{version}, not compiled"


def prepare_exeat(testbed: Testbed, binary: str, port: int, control_port: int, name: str = "exeat") -> Peer:
    """Write the document of one of CONSUMERS; the access line goes to stdout, which is the log file."""
    document = testbed.file(f"{name}/exeat.yaml")
    secret = testbed.file(f"{name}/credential")
    secret.touch(mode=0o600)
    secret.write_text(testbed.credential + "\n")
    upstreams = "".join(_upstream(testbed, route, secret) for route in testbed.upstream_ports)
    digest = hashlib.sha256(testbed.key.encode()).hexdigest()
    document.write_text("upstreams:\n" + upstreams + CONSUMERS[name].format(digest=digest))
    settings = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "EXEAT_LISTEN": f"127.0.0.1:{port}",
        "EXEAT_CONTROL_LISTEN": f"127.0.0.1:{control_port}",
        "EXEAT_WORKERS": "1",
        "EXEAT_DATA_DIR": str(document.parent),
        "EXEAT_LOG_FORMAT": "json",
        "EXEAT_DRAIN_S": "1",
    }
    if name == REDIS:
        settings["EXEAT_REDIS_URL"] = f"unix://{testbed.file(REDIS_SOCKET)}"
    if COMPILED.is_dir():
        settings["PYTHONPATH"] = str(COMPILED)
    log = testbed.file(f"{name}/access.log")
    return Peer(
        name=name,
        version=exeat_version(binary),
        command=(
            *("env", "-i"),
            *(f"{name}={value}" for name, value in settings.items()),
            *(binary, "serve", "--config", str(document)),
        ),
        port=port,
        output=log,
        access_log=log,
        ok_mark=b'"status":200',
        beside="exeat.cli.control",
    )


def _upstream(testbed: Testbed, route: Route, secret: Path) -> str:
    tls = route in TLS_ROUTES
    return _UPSTREAM.format(
        route=route,
        scheme="https" if tls else "http",
        name=UPSTREAM_NAME,
        port=testbed.upstream_ports[route],
        secret=secret,
        security=f"tls: {{ca: {testbed.certificates.authority}}}" if tls else "plaintext: true",
    )
