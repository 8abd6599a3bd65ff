"""Every connection to the outside is opened by the one file that judges where it leads, or this fails."""

import ast
import asyncio
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.addresses import world
from tests.addresses.entrances import envelope
from tests.support.capture import Capture, bound_socket
from tests.support.dialled import consumer
from tests.support.dns_server import NameServer, addresses
from tests.support.in_process import LocalGateway, ask_at, compile_document

SOURCES = Path(__file__).resolve().parents[2] / "src" / "exeat"

# What opens a connection, sends a datagram or resolves a name: methods and functions of the standard library.
OPENERS = frozenset(
    {
        *("create_connection", "create_unix_connection", "open_connection", "open_unix_connection", "connect"),
        *("connect_ex", "sock_connect", "create_datagram_endpoint", "sendto", "sock_sendto", "sendmsg", "urlopen"),
        *("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "query_dns"),
    }
)
# Modules that do it themselves, start a program that could, or load code by a name that isn't written down.
MODULES = frozenset(
    {
        *("urllib.request", "http.client", "ftplib", "smtplib", "poplib", "imaplib", "nntplib", "telnetlib", "xmlrpc"),
        *("multiprocessing", "logging.handlers", "subprocess", "ctypes", "cffi", "importlib", "webbrowser", "pty"),
        *("httpx", "httpcore", "requests", "urllib3", "aiohttp", "websockets", "aiodns", "pycares", "dns", "socks"),
        *("redis", "asyncpg", "psycopg", "boto3", "grpc", "hvac", "sentry_sdk"),
    }
)
CALLS = frozenset({"__import__", "import_module", "system", "popen", "posix_spawn", "execv", "execve", "exec", "eval"})
FOUND = OPENERS | CALLS
SPOKEN = frozenset({"connect", "system", "exec", "eval"})  # words that strings may hold

# Who does what, and why it leads nowhere that wasn't judged.
ALLOWED = {
    "proxy/dial.py": {"create_connection"},  # to addresses that were judged, see below
    "proxy/names.py": {"aiodns", "pycares", "getaddrinfo"},  # asks name servers; what they say is judged by dial.py
    "cli/listeners.py": {"getaddrinfo", "connect"},  # of the operator's own listeners
    "cli/child.py": {"subprocess", "open_unix_connection"},  # a worker, and its end of a pair of sockets
    "cli/sample/process.py": {"subprocess"},  # the demonstration's API
    "cli/sample/address.py": {"http.client", "connect"},  # the demonstration's caller, which calls the gateway
    "cli/sample/traffic.py": {"http.client"},  # the same
    "cli/demo.py": {"connect"},  # the same
    "cli/admin/api.py": {"httpx"},  # commands, which call the admin API of their own gateway
    "cli/admin/local.py": {"httpx"},  # the same within the process
    "cli/admin/remote.py": {"httpx"},  # the same
    "cli/control/calling.py": {"httpx"},  # a call that an administrator tries, of the gateway's own listener
    "cli/control/standings.py": {"connect"},  # to the Unix socket of the gateway's own counters
    "cli/control/tracing.py": {"requests"},  # the operator's own collector, which no worker speaks to
    "cli/top/command.py": {"httpx"},  # the metrics of the operator's own gateway
    "config/presets.py": {"importlib"},  # reads the package's own files
    "config/setting_rules.py": {"importlib"},  # sees whether an optional library is there
    "config/upstreams.py": {"connect"},  # the name of a timeout
    "cli/steering.py": {"connect"},  # of `exeat reload`, to the Unix socket in the gateway's own data directory
    "cli/version.py": {"system"},  # of the platform module
    "state/counters.py": {"create_unix_connection"},  # of a worker to the gateway's own counters
    "state/counters_file.py": {"connect"},  # sqlite3's, to the file of the counters
    "state/redis_line.py": {"redis", "eval"},  # the operator's own Redis, which no worker speaks to; Redis's EVAL
}
# The operator's own database, which no caller can name: its drivers, and nothing else. It is no part of a worker.
STORE = "store/"
DRIVERS = frozenset({"psycopg", "connect"})


def finds(text: str) -> set[str]:
    """What a file names that could open a connection."""
    return {name for node in ast.walk(ast.parse(text)) for name in _names(node) if name in FOUND or _is_banned(name)}


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(attr=name):
            yield name if name in FOUND else ""
        case ast.Name(id=name):
            yield name if name in FOUND - {"connect"} else ""  # alone it is a name like others
        case ast.Constant(value=str(name)):
            yield name if name in FOUND - SPOKEN else ""
        case ast.Import(names=aliases):
            yield from (_banned_part(alias.name) for alias in aliases)
        case ast.ImportFrom(module=str(module), names=aliases):
            for alias in aliases:
                yield alias.name if alias.name in FOUND else ""
                yield _banned_part(f"{module}.{alias.name}")
        case _:
            pass


def _banned_part(dotted: str) -> str:
    """The module among the banned ones that an import loads."""
    parts = dotted.split(".")
    starts = (".".join(parts[: end + 1]) for end in range(len(parts)))
    return next((start for start in starts if start in MODULES), "")


def _is_banned(name: str) -> bool:
    return name in MODULES


def test_nothing_else_opens_a_connection() -> None:
    """What each file may do is listed; a file that does more fails, and so does an entry that is no longer true."""
    found = {path.relative_to(SOURCES).as_posix(): finds(path.read_text("utf-8")) for path in SOURCES.rglob("*.py")}
    assert {name: what - DRIVERS for name, what in found.items() if name.startswith(STORE) and what - DRIVERS} == {}
    assert {name: what for name, what in found.items() if what and not name.startswith(STORE)} == ALLOWED


def test_no_worker_can_open_a_database() -> None:
    """A worker loads neither the store nor a driver of a database: nothing that a caller says can be led there."""
    command = [sys.executable, "-c", "import sys, exeat.cli.worker; print(*sys.modules)"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "exeat.proxy.worker" in loaded
    assert [name for name in loaded if name.startswith(("exeat.store", "sqlalchemy", "psycopg", "sqlite3"))] == []


@pytest.mark.parametrize(
    "text",
    [
        "import httpx",
        "import urllib.request as u",
        "from urllib import request",
        "from urllib.request import urlopen",
        "from http import client",
        "from socket import create_connection as c",
        "import socket\nsocket.socket().connect(('a', 1))",
        "await loop.create_connection(f, sock=s)",
        "await asyncio.open_connection(host, 443)",
        "getattr(loop, 'create_connection')(f, host, 1)",
        "loop.sock_connect(s, a)",
        "sock.sendto(b'', a)",
        "await loop.getaddrinfo(host, 443)",
        "import importlib\nimportlib.import_module(x)",
        "__import__('httpx')",
        "import subprocess\nsubprocess.run(['curl', url])",
        "import os\nos.system('curl')",
        "import aiodns",
        "import logging.handlers",
    ],
)
def test_the_search_finds_them(text: str) -> None:
    """Each way of opening a connection is found, however it is imported or called."""
    assert finds(text)


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a function or method in a tree."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in found if name in {getattr(node.func, "attr", None), getattr(node.func, "id", None)}]


def stored(tree: ast.AST, name: str) -> list[ast.Name]:
    """Where a variable is given a value."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
    ]


def test_only_judged_addresses_reach_a_socket() -> None:
    """In dial.py `_reach` opens connections to `address`, for `_open`, `_connect` and `dial`, after the judgement."""
    tree = ast.parse((SOURCES / "proxy" / "dial.py").read_text("utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    for name, user in (("create_connection", "_reach"), ("_reach", "_open")):
        opened = calls(tree, name)
        assert opened
        assert opened == calls(functions[user], name)
        assert {ast.unparse(call.args[1]) for call in opened} == {"address"}
        assert all(not call.keywords for call in opened)
        assert "address" in [argument.arg for argument in functions[user].args.args]
        assert not stored(functions[user], "address")
    assert [len(call.args) for call in calls(tree, "create_connection")] == [3]
    assert calls(tree, "_open") == calls(functions["_connect"], "_open")
    [loop] = [node for node in ast.walk(functions["_connect"]) if isinstance(node, ast.For)]
    assert (ast.unparse(loop.target), ast.unparse(loop.iter)) == ("(place, address)", "enumerate(addresses)")
    assert calls(tree, "_connect") == calls(functions["dial"], "_connect")
    first, *_ = [node for node in functions["dial"].body if not isinstance(node, ast.Expr)]
    assert ast.unparse(first).startswith("addresses = await self.addresses(route")


EVENTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen"})
seen: list[tuple[str, object]] | None = None


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook (PEP 578); it can't be removed, so it does nothing outside the test."""
    if seen is not None and event in EVENTS:
        seen.append((event, arguments[1] if event == "socket.connect" else arguments))


def test_what_the_interpreter_sees() -> None:
    """A gateway that serves calls of every kind connects to its upstream's judged address and to nothing else."""
    global seen  # noqa: PLW0603 - what the hook writes to
    sys.addaudithook(watch)
    seen = []
    listener = bound_socket()
    place = listener.getsockname()
    try:
        port = asyncio.run(_serve(listener))
    finally:
        found, seen = seen, None
        listener.close()
    assert set(found) == {("socket.connect", place), ("socket.connect", ("127.0.0.1", port))}


async def _serve(listener: socket.socket) -> int:
    """Call an upstream in every way, by name and by number; the gateway's port."""
    rules = {"plaintext": True, "network": {"private": ["127.0.0.1/32"]}}
    upstream_port = listener.getsockname()[1]
    named, numbered = f"http://a.test:{upstream_port}", f"http://127.0.0.1:{upstream_port}"
    document = {
        "upstreams": {"a": {"url": named, **rules}, "n": {"url": numbered, **rules}},
        "consumers": consumer(world.KEY),
    }
    with tempfile.TemporaryDirectory() as folder:
        snapshot = compile_document(document, Path(folder))
    requests = [
        b"GET /a/p HTTP/1.1\r\nHost: gw.test\r\n" + world.LINE,
        b"GET /n/p HTTP/1.1\r\nHost: gw.test\r\n" + world.LINE,
        b"GET /p HTTP/1.1\r\nHost: a.localhost\r\n" + world.LINE,
        b"GET /%b/p HTTP/1.1\r\nHost: gw.test\r\n" % named.encode() + world.LINE,
        b"GET /p HTTP/1.1\r\nHost: gw.test\r\nExeat-Target: %b\r\n" % named.encode() + world.LINE,
        envelope([{"url": named + "/p"}, {"upstream": "n", "path": "/p"}], world.LINE),
        b"GET /-/whoami HTTP/1.1\r\nHost: gw.test\r\n" + world.LINE,
    ]
    async with (
        NameServer({"a.test": addresses("127.0.0.1")}) as server,
        Capture(listener),
        LocalGateway(snapshot, lookup=server.lookup()) as gateway,
    ):
        for request in requests:
            assert (await ask_at(gateway.port, request)).status == 200
        return gateway.port
