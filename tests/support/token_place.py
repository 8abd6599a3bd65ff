"""A gateway whose upstream takes the tokens of a server, for tests of what becomes of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller
from tests.support.token_server import TokenServer, guarded, tokens_shown


class Place(NamedTuple):
    """A gateway whose upstream takes tokens of a server."""

    gateway: Gateway
    server: TokenServer
    origin: Origin
    key: MadeKey
    document: dict[str, object]

    def call(self, path: str = "/api/x", *lines: str, method: str = "GET", body: bytes = b"") -> Answer:
        """The answer to one call, on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, path, f"Exeat-Key: {self.key.key}", *lines, body=body)

    def crowd(self, callers: int, calls: int) -> list[int]:
        """The statuses of the calls of many at once."""
        statuses: list[int] = []

        def run() -> None:
            with RawCaller(self.gateway.port) as caller:
                statuses.extend(caller.call("GET", "/api/x", f"Exeat-Key: {self.key.key}").status for _ in range(calls))

        threads = [threading.Thread(target=run) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return statuses

    def shown(self) -> list[str]:
        """The tokens that the upstream has seen, in order."""
        return tokens_shown(self.origin.requests)


def credential(server: TokenServer, **more: object) -> dict[str, object]:
    """Client credentials of a server."""
    secret = MARKERS.make("a client's secret")
    entry = {"kind": "oauth2-client-credentials", "token_url": server.url, "client_id": "exeat"}
    return {**entry, "client_secret": secret, **more}


def document_of(origin: Origin, authority: Authority, key: MadeKey, shown: dict[str, object]) -> dict[str, object]:
    """One upstream with this credential."""
    return {
        "upstreams": {"api": origin.entry(authority.file, credential=shown)},
        "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
    }


@contextmanager
def placed(
    authority: Authority,
    server: TokenServer,
    behave: Callable[[Peer, Request], None] | None = None,
    *,
    workers: int = 1,
    env: dict[str, str] | None = None,
    **more: object,
) -> Iterator[Place]:
    """A gateway in front of an upstream that takes the tokens of a server, or behaves otherwise."""
    key = make_key()
    with server, Origin(behave or guarded(server), authority.server_context()) as origin:
        document = document_of(origin, authority, key, {**credential(server), **more})
        with Gateway(document, {"SSL_CERT_FILE": str(authority.file), **(env or {})}, workers=workers) as gateway:
            yield Place(gateway, server, origin, key, document)
            assert not [event for event in gateway.events() if str(event["message"]).startswith("bug: ")]
