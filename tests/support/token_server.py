"""A token endpoint on loopback: it issues real tokens, knows which of them are good, and fails as the test says."""

import base64
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote_plus

from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Behaviour, Origin, Peer, Request

INSTALLATIONS = "/app/installations/"
LARGE_BYTES = 2 * 1024 * 1024


class Ask(NamedTuple):
    """One request for a token: its head, its body, the fields of its form (or members of its JSON), and when."""

    request: Request
    body: bytes
    form: Mapping[str, str]
    at: float

    @property
    def target(self) -> str:
        """Path and query."""
        return self.request.target

    @property
    def client(self) -> tuple[str, str] | None:
        """Who asks, by HTTP Basic, each part decoded from its form encoding (RFC 6749 §2.3.1); None without."""
        for value in self.request.values("authorization"):
            scheme, _, coded = value.partition(" ")
            if scheme.lower() == "basic":
                name, _, secret = base64.b64decode(coded).decode().partition(":")
                return unquote_plus(name), unquote_plus(secret)
        return None


Answerer = Callable[[Peer, Ask], None]


class TokenServer:
    """Answers every POST with a new token, from `with` until its end; `answers` come first, one for each request.

    `lives_s` is what it says of a token's life (None: nothing), `rotates` has each refresh token count once, as
    `refresh` is at first: another one is refused with `invalid_grant`, and so is `judge` where it says False.
    A token is good until `revoke`, however long it has lived. Below /app/installations/ it answers as GitHub does, and
    where an `assertion` has a `target_audience` as Google does, with an `id_token`.
    """

    def __init__(
        self,
        authority: Authority | None,
        *,
        lives_s: float | None = 3600,
        refresh: str | None = None,
        rotates: bool = False,
        judge: Callable[[Ask], bool] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.lives_s = lives_s
        self.refresh = refresh
        self.rotates = rotates
        self.judge = judge
        self.asks: list[Ask] = []
        self.tokens: list[str] = []
        self.refused = 0
        self.under_way = 0
        self.most_under_way = 0
        self._lock = threading.Lock()
        self._good: set[str] = set()
        self._answers: list[Answerer] = []
        self._always: Answerer | None = None
        self.over = threading.Event()
        if context is None and authority is not None:
            context = authority.server_context()
        self.origin = Origin(self._behave, context)

    def __enter__(self) -> Self:
        self.origin.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.origin.__exit__(kind, error, trace)

    # Where it is

    @property
    def url(self) -> str:
        """The token endpoint."""
        return f"{self.origin.url}/token"

    @property
    def base(self) -> str:
        """The server without a path, for what appends its own."""
        return self.origin.url

    # What it does

    def then(self, *answers: Answerer) -> None:
        """Answer the next requests like this, one after the other."""
        with self._lock:
            self._answers += answers

    def always(self, answer: Answerer | None) -> None:
        """Answer every request like this that has no answer of its own; None issues tokens again."""
        self._always = answer

    def revoke(self, *tokens: str) -> None:
        """Have these tokens, or all so far, be refused from now on."""
        with self._lock:
            self._good -= set(tokens or self._good)

    def is_good(self, token: str) -> bool:
        """Whether a token was issued here and not revoked."""
        return token in self._good

    def wait_for(self, count: int) -> list[Ask]:
        """The requests, when there are so many at least."""
        wait_until(lambda: len(self.asks) >= count, f"{count} requests for a token")
        return self.asks

    # How it answers

    def issue(self, peer: Peer, ask: Ask) -> None:
        """Answer with a new token, if the request is right."""
        with self._lock:
            if not self._is_right(ask):
                self.refused += 1
                refuse(peer, "invalid_grant", "the grant is invalid, expired or revoked")
                return
            token = MARKERS.add("an upstream's token", f"token-{len(self.tokens) + 1}-{secrets.token_urlsafe(18)}")
            self.tokens.append(token)
            self._good.add(token)
            members = self._members(ask, token)
        status = "201 Created" if ask.target.startswith(INSTALLATIONS) else "200 OK"
        answer_json(peer, members, status)

    def _is_right(self, ask: Ask) -> bool:
        if self.judge is not None and not self.judge(ask):
            return False
        return self.refresh is None or ask.form.get("refresh_token") == self.refresh

    def _members(self, ask: Ask, token: str) -> dict[str, object]:
        if ask.target.startswith(INSTALLATIONS):
            ends_at = datetime.fromtimestamp(_now() + (self.lives_s or 3600), UTC)
            return {"token": token, "expires_at": ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"), "permissions": {}}
        if "target_audience" in claims_of(ask.form.get("assertion", "")):
            return {"id_token": token}
        members: dict[str, object] = {"access_token": token, "token_type": "Bearer"}
        if self.lives_s is not None:
            members["expires_in"] = self.lives_s
        if self.rotates:
            self.refresh = MARKERS.add("a refresh token", f"refresh-{secrets.token_urlsafe(18)}")
            members["refresh_token"] = self.refresh
        return members

    def _behave(self, peer: Peer, request: Request) -> None:
        body = peer.read_body(request)
        ask = Ask(request, body, _form(request, body), time.monotonic())
        with self._lock:
            self.asks.append(ask)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            answer = self._answers.pop(0) if self._answers else self._always or self.issue
        try:
            answer(peer, ask)
        finally:
            with self._lock:
                self.under_way -= 1
        if "close" in request.values("connection"):
            peer.close()


# Answers of a token endpoint


def answer_json(peer: Peer, members: Mapping[str, object], status: str = "200 OK") -> None:
    """Answer with an object, as RFC 6749 §5.1 has it."""
    date = f"Date: {formatdate(_now(), usegmt=True)}"
    lines = ("Content-Type: application/json;charset=UTF-8", "Cache-Control: no-store", date)
    peer.answer(json.dumps(members).encode(), *lines, status=status)


def refuse(peer: Peer, error: str, description: str = "", status: str = "400 Bad Request") -> None:
    """Refuse with an error of RFC 6749 §5.2."""
    answer_json(peer, {"error": error, **({"error_description": description} if description else {})}, status)


def refusing(error: str, description: str = "", status: str = "400 Bad Request") -> Answerer:
    """Refuses with an error of RFC 6749 §5.2."""
    return lambda peer, _: refuse(peer, error, description, status)


def answering(body: bytes, *lines: str, status: str = "200 OK") -> Answerer:
    """Answers with these bytes."""
    return lambda peer, _: peer.answer(body, *lines, status=status)


def giving(**members: object) -> Answerer:
    """Answers with an object of these members."""
    return lambda peer, _: answer_json(peer, members)


def failing(status: str = "500 Internal Server Error", *lines: str) -> Answerer:
    """Answers with a status and a page."""
    return answering(
        b"<html><body>Something went wrong</body></html>", "Content-Type: text/html", *lines, status=status
    )


def hang(peer: Peer, _: Ask) -> None:
    """Say nothing until the gateway closes."""
    peer.has_ended()


def reset(peer: Peer, _: Ask) -> None:
    """End with RST."""
    peer.reset()


def cut(peer: Peer, _: Ask) -> None:
    """End in the middle of the answer."""
    peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"access_token": "')
    peer.close()


def flood(peer: Peer, _: Ask) -> None:
    """Answer with more than anybody reads."""
    peer.answer(b'{"access_token": "' + b"a" * LARGE_BYTES + b'"}', "Content-Type: application/json")


def redirecting(url: str, status: str = "307 Temporary Redirect") -> Answerer:
    """Sends the request elsewhere."""
    return answering(b"", f"Location: {url}", status=status)


# An upstream that takes the tokens


def guarded(server: TokenServer, *, name: str = "authorization", prefix: str = "Bearer ") -> Behaviour:
    """Behave as an API that answers 200 to good tokens of this server, and 401 to all else; it echoes nothing."""

    def behave(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        shown = request.values(name)
        if len(shown) == 1 and shown[0].startswith(prefix) and server.is_good(shown[0].removeprefix(prefix)):
            peer.answer(b'{"fine": true}', "Content-Type: application/json")
        else:
            said = f'{prefix.strip() or "Bearer"} error="invalid_token"'
            peer.answer(b'{"fine": false}', f"WWW-Authenticate: {said}", status="401 Unauthorized")

    return behave


def tokens_shown(requests: Iterable[Request], name: str = "authorization", prefix: str = "Bearer ") -> list[str]:
    """The tokens that came with requests, in order."""
    return [value.removeprefix(prefix) for request in requests for value in request.values(name)]


def _form(request: Request, body: bytes) -> dict[str, str]:
    kinds = request.values("content-type")
    text = body.decode()
    if kinds and kinds[0].startswith("application/json"):
        found = json.loads(text or "{}")
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def claims_of(assertion: str) -> dict[str, object]:
    """The claims of a JWT, unverified."""
    parts = assertion.split(".")
    if len(parts) != 3:  # head, claims, signature
        return {}
    found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return found if isinstance(found, dict) else {}


def _now() -> float:
    return time.clock_gettime(time.CLOCK_REALTIME)
