"""Every way to call through the gateway, every place where a key may stand, and every kind of credential."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import NamedTuple

from exeat.model.credential import (
    Basic,
    Bearer,
    Caller,
    Cookie,
    Header,
    Kind,
    Nothing,
    Query,
    Segment,
    Together,
)
from exeat.model.secret import Secret
from exeat.model.signing import HmacSignature
from tests.support.playbook import message
from tests.support.secret_search import basic

Lines = tuple[str, ...]


class Slot(NamedTuple):
    """A place for a key: field lines, a query, and what stands in the path before the rest."""

    lines: Callable[[str], Lines] = lambda _: ()
    query: Callable[[str], str] = lambda _: ""
    path: Callable[[str], str] = lambda _: ""


SLOTS: Mapping[str, Slot] = {
    "Exeat-Key": Slot(lambda key: (f"Exeat-Key: {key}",)),
    "EXEAT-KEY": Slot(lambda key: (f"EXEAT-KEY:{key} ",)),
    "Bearer": Slot(lambda key: (f"Authorization: Bearer {key}",)),
    "bearer": Slot(lambda key: (f"authorization: bearer   {key}",)),
    "token": Slot(lambda key: (f"Authorization: token {key}",)),
    "no scheme": Slot(lambda key: (f"Authorization: {key}",)),
    "Basic user": Slot(lambda key: (f"Authorization: {basic(key, '')}",)),
    "Basic password": Slot(lambda key: (f"AUTHORIZATION: {basic('exeat', key)}",)),
    "Basic both": Slot(lambda key: (f"Authorization: {basic(key, key)}",)),
    "Basic without padding": Slot(lambda key: (f"Authorization: {basic('xx', key).rstrip('=')}",)),
    "Basic for URLs": Slot(
        lambda key: (f"Authorization: basic {urlsafe_b64encode(b'~~~??>' + b':' + key.encode()).decode()}",)
    ),
    "proxy Bearer": Slot(lambda key: (f"Proxy-Authorization: Bearer {key}",)),
    "proxy Basic user": Slot(lambda key: (f"Proxy-Authorization: {basic(key, 'x')}",)),
    "proxy Basic password": Slot(lambda key: (f"Proxy-Authorization: {basic('', key)}",)),
    "X-API-Key": Slot(lambda key: (f"X-API-Key: {key}",)),
    "x-api-key": Slot(lambda key: (f"x-api-key: {key}",)),
    "all at once": Slot(
        lambda key: (
            f"Exeat-Key: {key}",
            f"Authorization: Bearer {key}",
            f"Proxy-Authorization: {basic('x', key)}",
            f"X-API-Key: {key}",
        )
    ),
}


class Offer(NamedTuple):
    """A credential: its kind, the secrets in it, and the slots that only its upstream has."""

    kind: Kind | None
    secrets: Lines
    slots: Mapping[str, Slot]


def offers(secret: str, user: str) -> Mapping[str, Offer]:
    """Every kind of credential, and none: a bare destination."""
    own_field = {
        "own field": Slot(lambda key: (f"X-Token: {key}",)),
        "own field with a prefix": Slot(lambda key: (f"x-token: Token {key}",)),
        "own field twice": Slot(lambda key: (f"X-Token: {key}", f"X-TOKEN: Bearer {key}")),
    }
    own_parameter = {
        "own parameter": Slot(query=lambda key: f"?a=1&token={key}&b=2"),
        "own parameter, encoded": Slot(query=lambda key: f"?%74oken={key.replace('_', '%5f')}"),
        "own parameter twice": Slot(query=lambda key: f"?token={key}&token={key}"),
    }
    own_segment = {"own segment": Slot(path=lambda key: f"/bot{key}")}
    own_cookie = {
        "own cookie": Slot(lambda key: (f"Cookie: session={key}",)),
        "own cookie among others": Slot(lambda key: (f"cookie: a=1;session={key}; b=2", "Cookie: c=3")),
        "own cookie twice": Slot(lambda key: (f'Cookie: session="{key}"', f"Cookie: session={key}")),
    }
    signature = HmacSignature(Secret("s1gned"), "sha256", "hex", "{target}{body}", (("X-Sum", "v1={signature}"),))
    several = (Header("X-Token", Secret(secret), ""), Query("id", Secret(user)), Cookie("a", Secret(user)), signature)
    return {
        "bearer": Offer(Bearer(Secret(secret)), (secret,), {}),
        "basic": Offer(Basic(Secret(user), Secret(secret)), (user, secret), {}),
        "basic user": Offer(Basic(Secret(secret), Secret("")), (secret,), {}),
        "header": Offer(Header("X-Token", Secret(secret), ""), (secret,), own_field),
        "header with a prefix": Offer(Header("Authorization", Secret(secret), "Token "), (secret,), {}),
        "X-API-Key": Offer(Header("X-API-Key", Secret(secret), ""), (secret,), {}),
        "cookie": Offer(Header("Cookie", Secret(secret), "session="), (secret,), {}),
        "query": Offer(Query("token", Secret(secret)), (secret,), own_parameter),
        "path": Offer(Segment(Secret(secret), "/bot"), (secret,), own_segment),
        "a cookie of its own": Offer(Cookie("session", Secret(secret)), (secret,), own_cookie),
        "several at once": Offer(Together(several), (secret, user), own_field),
        "hmac": Offer(signature, (), {}),
        "caller": Offer(Caller(), (), {}),
        "none": Offer(Nothing(), (), {}),
        "destination": Offer(None, (), {}),
    }


class Call(NamedTuple):
    """What a caller sends to show a key in a slot: the bytes, and how many requests they become upstream."""

    sent: bytes
    requests: int = 1


Mode = Callable[[str, Slot], Call]


def _plain(before: str, host: str, *lines: str) -> Mode:
    def call(key: str, slot: Slot) -> Call:
        target = f"{before}{slot.path(key)}/v1/things{slot.query(key)}"
        start = (f"GET {target} HTTP/1.1", f"Host: {host}", "TE: trailers")
        return Call(message(*start, *lines, *slot.lines(key)))

    return call


def _enveloped(*places: Mapping[str, str], batch: bool = False) -> Mode:
    """Envelopes: the key in Exeat-Key of the envelope, and once more in a slot of each call in it."""

    def call(key: str, slot: Slot) -> Call:
        headers: dict[str, list[str]] = {}
        for line in slot.lines(key):
            name, _, value = line.partition(":")
            headers.setdefault(name, []).append(value.strip())
        below = f"{slot.path(key)}/v1/things{slot.query(key)}"
        calls: list[dict[str, object]] = [
            {name: text if name == "upstream" else text + below for name, text in place.items()} | {"headers": headers}
            for place in places
        ]
        return _envelope(calls if batch else calls[0], len(places), f"Exeat-Key: {key}")

    return call


def _envelope(content: object, requests: int, *lines: str) -> Call:
    body = json.dumps(content)
    start = ("POST /-/call HTTP/1.1", "Host: gateway.test", f"Content-Length: {len(body)}")
    return Call(message(*start, *lines, body=body), requests)


def _around(content: object) -> Mode:
    """An envelope whose key stands in a slot of the envelope itself."""

    def call(key: str, slot: Slot) -> Call:
        return _envelope(content, 1, *slot.lines(key))

    return call


_PATH = {"upstream": "api", "path": ""}
_URL = {"url": "http://api.test"}
NAMED: Mapping[str, Mode] = {
    "path": _plain("/api", "gateway.test"),
    "host": _plain("", "api.gateway.test"),
    "envelope": _enveloped(_PATH),
    "around an envelope": _around({"upstream": "api", "path": "/v1/things"}),
    "batch": _enveloped(_PATH, _URL, batch=True),
}
BY_URL: Mapping[str, Mode] = {
    "URL in path": _plain("/http://api.test", "gateway.test"),
    "header": _plain("", "gateway.test", "Exeat-Target: http://api.test"),
    "URL in envelope": _enveloped(_URL),
}
