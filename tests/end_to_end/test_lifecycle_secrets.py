"""Marker secrets: what an upstream is shown, and what a caller shows, is said nowhere else."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from exeat.errors import Code
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller
from tests.support.secret_search import basic, holds

SECRETS = {
    label: MARKERS.make(f"secret {label}")
    for label in ("ENVIRONMENT_TOKEN", "FILE", "LITERAL", "DOTENV_TOKEN", "PASSWORD")
}


class Place(NamedTuple):
    """A gateway that holds the markers, and what its callers were answered."""

    gateway: Gateway
    key: MadeKey
    answered: list[bytes]


def misbehave(peer: Peer, request: Request) -> None:
    """Fail in the way that the path says."""
    peer.read_body(request)
    match request.target.partition("?")[0]:
        case "/closed":
            peer.drop()
        case "/malformed":
            shown = "".join(request.values("authorization") + request.values("x-token")) + request.target
            peer.send(f"HTTP/1.1 200 OK\r\nNot a field {shown}\r\n\r\n".encode())
        case "/cut":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            peer.drop()
        case "/silent":
            peer.has_ended()
        case _:
            peer.answer(b"fine", f"X-Echo: {request.raw.hex()}")


@pytest.fixture(scope="module", params=["json", "console"])
def place(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A gateway with a secret from every source, after every kind of call through it."""
    folder = Path(tmp_path_factory.mktemp("secrets"))
    key = make_key()
    (folder / "token").write_text(f"{SECRETS['FILE']}\n")
    (folder / ".env").write_text(f"DOTENV_TOKEN={SECRETS['DOTENV_TOKEN']}\n")
    credentials: dict[str, object] = {
        "environment": {"kind": "bearer", "secret": "${ENVIRONMENT_TOKEN}"},
        "dotenv": {"kind": "header", "name": "X-Token", "secret": "${DOTENV_TOKEN}"},
        "file": {"kind": "query", "name": "token", "secret": "${file:token}"},
        "literal": {"kind": "bearer", "secret": SECRETS["LITERAL"]},
        "password": {"kind": "basic", "username": "someone", "password": SECRETS["PASSWORD"]},
    }
    with ExitStack() as stack:
        origins = {name: stack.enter_context(Origin(misbehave, authority.server_context())) for name in credentials}
        upstreams = {
            name: origins[name].entry(authority.file, credential=credential, timeout={"response": "300ms"})
            for name, credential in credentials.items()
        }
        document = {
            "upstreams": upstreams,
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        env = {"ENVIRONMENT_TOKEN": SECRETS["ENVIRONMENT_TOKEN"], "EXEAT_LOG_FORMAT": request.param}
        gateway = Gateway(document, env, folder=folder)
        if request.param == "json":
            stack.enter_context(gateway)
            port = gateway.port
        else:  # its banner is for people: the port is read there
            gateway.launch()
            stack.callback(gateway.stop)
            wait_until(lambda: "http://127.0.0.1:" in gateway.stderr(), "the banner")
            port = int(gateway.stderr().partition("http://127.0.0.1:")[2].split()[0])
        yield Place(gateway, key, list(traffic(port, key.key, list(credentials))))


def traffic(port: int, key: str, names: list[str]) -> Iterator[bytes]:
    """Call in every way, well and badly; what came back."""
    shown = [f"Exeat-Key: {key}", f"Authorization: {basic('exeat', key)}", f"X-API-Key: {key}"]
    wrong = ["", f"Exeat-Key: {key}x", f"Exeat-Key: {key[:-1]}", f"Authorization: Bearer {key}, {key}"]
    targets = [f"/{name}/{path}" for name in names for path in ("ok?token=mine", "closed", "malformed", "cut")]
    targets += ["/file/silent", "/nothing/", "/-/", "/-/whoami", "/-/call", "/https://evil.example/"]
    targets += [f"/-/errors/{code}" for code in Code]
    for target in targets:
        for line in [shown[0]] if "errors" in target else shown:
            yield exchange(port, f"GET {target} HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n{line}\r\n\r\n")
    for line in wrong:
        for target in ("/literal/", "/-/whoami", "/-/", "/nothing/"):
            yield exchange(
                port, f"GET {target} HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".replace("\r\n\r\n\r\n", "\r\n\r\n")
            )
    odd = (
        f"GET /literal/{key} HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\n\r\n",
        f"GET /literal/?k={key} HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\n\r\n",
        f"GET /{key}/ HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\n\r\n",
        f"GET /https://{key}@a.example/ HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\n\r\n",
        f"GET /https://{key}/ HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {key}\r\nExeat-Key: {key}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {key}.gateway.internal\r\nExeat-Key: {key}\r\n\r\n",
        f"{key} / HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / {key}\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n",
        f"GET /literal/ HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\nConnection: {key}\r\n\r\n",
        f"GET /literal/ HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\nTransfer-Encoding: {key}\r\n\r\n",
        f"GET /literal/ HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\nExeat-Timeout: {key}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\nExeat-Target: https://{key}\r\n\r\n",
        f"GET /file/?token={quote(key)} HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    for text in odd:
        yield exchange(port, text)
    for content in ({"upstream": key}, {"upstream": "literal", "headers": {"X": key}}, {key: 1}, {"url": key}):
        body = json.dumps(content)
        head = f"POST /-/call HTTP/1.1\r\nHost: x\r\nExeat-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        yield exchange(port, head + body)


def exchange(port: int, text: str) -> bytes:
    """Send one request; everything that comes back."""
    with RawCaller(port) as caller:
        caller.send(text.encode())
        caller.half_close()
        answer = caller.read()
        return b"\r\n".join(f"{name}: {value}".encode() for name, value in answer.fields) + b"\r\n\r\n" + answer.body


def test_answers(place: Place) -> None:
    """No answer, page or problem holds an upstream's secret or the key."""
    assert len(place.answered) > 100
    for said in place.answered:
        for marker in (*SECRETS.values(), place.key.key):
            assert not holds(said, marker), said


def test_logs(place: Place) -> None:
    """Neither access lines nor logs hold an upstream's secret or the key, at the most talkative level."""
    wait_until(lambda: place.gateway.stdout().count("\n") > 80, "access lines")
    said = (place.gateway.stdout() + place.gateway.stderr()).encode()
    for marker in (*SECRETS.values(), place.key.key):
        assert not holds(said, marker), [line for line in said.splitlines() if holds(line, marker)]


def test_processes(place: Place) -> None:
    """No process shows a secret among its arguments, and the workers have none in their environment."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, check=True).stdout
    workers = place.gateway.worker_pids()
    assert workers
    for pid in workers:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        for marker in (*SECRETS.values(), place.key.key):
            assert not holds(listed, marker)
            assert not holds(environment, marker)


def test_files(place: Place) -> None:
    """Nothing that the gateway writes holds the key, or a secret that wasn't in that file before."""
    own = {"exeat.yaml": "LITERAL", ".env": "DOTENV_TOKEN", "token": "FILE"}
    for file in place.gateway.folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for label, marker in SECRETS.items():
                assert own.get(file.name) == label or file.name == "exeat.yaml" or marker.encode() not in content
            assert place.key.key.encode() not in content
