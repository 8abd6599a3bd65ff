"""What the tests for an earlier gateway's holes share: a gateway before two APIs, and names that a test decides."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from exeat.config.problem import DocumentError
from exeat.proxy.names import Answer as Addresses
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.in_process import LIMIT_S, LocalGateway, compile_document
from tests.support.origins import Origin, Peer, Request, echo
from tests.support.raw_caller import Answer, RawCaller

SECRET = "the-upstreams-own-secret"
LOOPBACK = ["127.0.0.0/8"]


class Keys(NamedTuple):
    """Two good keys of one consumer, one of a consumer that may do little, and three that nobody may use."""

    good: MadeKey
    second: MadeKey
    poor: MadeKey
    expired: MadeKey
    revoked: MadeKey
    unknown: MadeKey


class Place(NamedTuple):
    """A gateway, and what is behind it."""

    gateway: Gateway
    api: Origin
    stranger: Origin
    keys: Keys

    def call(self, method: str, target: str, *lines: str, body: bytes = b"", key: MadeKey | None = None) -> Answer:
        """Call on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, target, f"Exeat-Key: {(key or self.keys.good).key}", *lines, body=body)

    def call_envelope(self, content: object) -> Answer:
        """Send an envelope."""
        return self.call("POST", "/-/call", body=json.dumps(content).encode())

    def said(self) -> str:
        """Everything that the gateway has logged so far."""
        return self.gateway.stdout() + self.gateway.stderr()


def behave(peer: Peer, request: Request) -> None:
    """Answer as the path says; otherwise with the request itself."""
    kind, _, what = request.target.partition("?")[0].strip("/").partition("/")
    if kind in {"", "echo", "open"}:
        echo(peer, request)
        return
    peer.read_body(request)
    match kind:
        case "status":
            peer.answer(b'{"from": "the API"}', "Content-Type: application/json", status=f"{what} Whatever")
        case "close":
            peer.close()
        case "silent":
            peer.has_ended()
        case _:
            raise AssertionError(request.target)


@contextmanager
def placed(folder: Path) -> Iterator[Place]:
    """A gateway before an API, and before one whose certificate nobody trusts."""
    keys = Keys(*(make_key() for _ in Keys._fields))
    authority = Authority(folder)
    nobody = Authority(folder, "nobody").server_context()
    with Origin(behave, authority.server_context()) as api, Origin(context=nobody) as stranger:
        document = {
            "upstreams": {
                "api": api.entry(authority.file, credential={"kind": "bearer", "secret": SECRET}, circuit="off"),
                "hasty": api.entry(authority.file, timeout={"response": "200ms"}, circuit="off"),
                "lax": stranger.entry(tls={"verify": False}),
                "strict": stranger.entry(authority.file),
            },
            "destinations": [f"localhost:{api.port}", "*.allowed.example"],
            "consumers": {
                "web": {
                    "keys": [
                        {"sha256": keys.good.sha256, "id": keys.good.key.split("_")[1]},
                        {"sha256": keys.second.sha256, "id": keys.second.key.split("_")[1]},
                        {"sha256": keys.expired.sha256, "expires": "2020-01-01"},
                        {"sha256": keys.revoked.sha256, "revoked": True},
                    ],
                    "grants": ["*"],
                },
                "poor": {
                    "keys": [{"sha256": keys.poor.sha256}],
                    "grants": [{"upstream": "api", "methods": ["GET"], "paths": ["/open/**"]}],
                },
            },
        }
        with Gateway(document) as gateway:
            yield Place(gateway, api, stranger, keys)


def ask(document: Mapping[str, object], folder: Path, names: Mapping[str, tuple[str, ...]], *targets: str) -> list[str]:
    """Call URLs through a worker for which names have these addresses: `200`, or the code of the refusal."""
    key = make_key()
    consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
    snapshot = compile_document({**document, "consumers": consumers}, folder)
    asked: list[str] = []

    async def look_up(host: str) -> Addresses:
        asked.append(host)
        return Addresses(names[host], 60.0)

    async def talk() -> list[str]:
        async with asyncio.timeout(LIMIT_S), LocalGateway(snapshot, lookup=look_up) as gateway:
            caller = await gateway.caller([b"GET"] * len(targets))
            for place, target in enumerate(targets, 1):
                lines = (f"GET /{target} HTTP/1.1", "Host: gateway", f"Exeat-Key: {key.key}", "\r\n")
                caller.transport.write("\r\n".join(lines).encode())
                await caller.changes.until(lambda place=place: len(caller.finals) == place)  # type: ignore[misc]  # a default that binds
            caller.end()
            await caller.over()
            return [(answer.value(b"exeat-error") or b"%d" % answer.status).decode() for answer in caller.finals]

    answers = asyncio.run(talk())
    assert len(asked) == len(set(asked)), "a name was asked for twice: between judging and dialling?"
    return answers


def destinations(*patterns: str, private: list[str] | None = None) -> dict[str, object]:
    """A document with destinations alone, plaintext, in private networks or not."""
    granted = {} if private is None else {"private": private}
    return {"destinations": [{"host": host, "plaintext": True} | granted for host in patterns]}


def problems(document: Mapping[str, object], folder: Path) -> str:
    """What is wrong with a document."""
    with pytest.raises(DocumentError) as caught:
        compile_document(document, folder)
    return "\n".join(str(problem) for problem in caught.value.problems)
