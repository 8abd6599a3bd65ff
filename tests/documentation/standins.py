"""Stand-ins on loopback for the APIs that the pages call: each with its own certificate, credential and a few answers.

A stand-in answers 401 without its credential, and 500 if it ever sees an Exeat key: a page whose examples work has
shown that the credential was attached and the key removed.
"""

import base64
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.certificates import Authority

# What the pages' documents refer to, and what the stand-ins ask for.
SECRETS = {
    "GITHUB_TOKEN": "ghp_example",
    "OPENAI_API_KEY": "sk-example",
    "STRIPE_SECRET": "sk_test_example",
    "MAPS_KEY": "maps-example",
    "MODEL_KEY": "model-example",
    "WEBHOOK_SECRET": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a stand-in sees it; `root` is the URL that it was called by, without a path."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    fields: Mapping[str, str]
    body: bytes
    root: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `events` is a body sent piece by piece, in chunks."""

    status: int
    data: object = None
    fields: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()


Answer = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True)
class StandIn:
    """One API by the host (and port) that the pages give it; `is_private` if their documents grant its network."""

    host: str
    answer: Answer
    scheme: str = "https"
    is_destination: bool = False
    is_private: bool = False
    wants_certificate: bool = False

    @property
    def name(self) -> str:
        """The host without a port."""
        return self.host.partition(":")[0]


def _bearer(secret: str, request: Request) -> bool:
    return request.fields.get("authorization") == f"Bearer {SECRETS[secret]}"


def github(request: Request) -> Reply:
    """A little of GitHub."""
    if not _bearer("GITHUB_TOKEN", request):
        return Reply(401, {"message": "Bad credentials"})
    match request.method, request.path:
        case "GET", "/user":
            return Reply(200, {"login": "octocat"})
        case "GET", "/repos/octo/hello/issues":
            page = int(request.query.get("page", ["1"])[0])
            following = f'<{request.root}/repos/octo/hello/issues?per_page=1&page={page + 1}>; rel="next"'
            return Reply(200, [{"number": page}], {"Link": following})
        case "POST", "/repos/octo/hello/issues":
            place = {"Location": f"{request.root}/repos/octo/hello/issues/3"}
            return Reply(201, {"number": 3, "title": json.loads(request.body)["title"]}, place)
        case "GET", "/slow":
            threading.Event().wait(1.5)
            return Reply(200, {})
        case _:
            return Reply(404, {"message": "Not Found"})


def stripe(request: Request) -> Reply:
    """A little of Stripe, which wants its key as a user name."""
    given = "Basic " + base64.b64encode(f"{SECRETS['STRIPE_SECRET']}:".encode()).decode()
    if request.fields.get("authorization") != given:
        return Reply(401, {"error": {"type": "invalid_request_error"}})
    if request.path != "/v1/charges":
        return Reply(404, {"error": {"type": "invalid_request_error"}})
    if request.method == "POST":
        amount = int(parse_qs(request.body.decode())["amount"][0])
        return Reply(200, {"id": "ch_1", "amount": amount})
    return Reply(200, {"object": "list", "data": []})


def openai(request: Request) -> Reply:
    """Chat completions, whole or as a stream of events."""
    if not _bearer("OPENAI_API_KEY", request):
        return Reply(401, {"error": {"message": "Incorrect API key"}})
    asked = json.loads(request.body)
    common = {"id": "chatcmpl-1", "created": 1, "model": asked["model"]}
    if not asked.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
        return Reply(200, {**common, "object": "chat.completion", "choices": [choice]})
    pieces = ["Hel", "lo."]
    events = [
        {**common, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}}]}
        for piece in pieces
    ]
    return Reply(200, events=(*(f"data: {json.dumps(event)}\n\n" for event in events), "data: [DONE]\n\n"))


def maps(request: Request) -> Reply:
    """An API that wants its key as a query parameter."""
    if request.query.get("key") != [SECRETS["MAPS_KEY"]]:
        return Reply(403, {"error": "no key"})
    return Reply(200, {"place": request.query["q"][0]})


def model(request: Request) -> Reply:
    """An API that wants its key in a field of its own."""
    if request.fields.get("x-api-key") != SECRETS["MODEL_KEY"]:
        return Reply(401, {"error": "no key"})
    return Reply(200, {"models": ["sample-1"]})


class Orders:
    """An API that can't answer each first call to a path, and honours idempotency keys."""

    def __init__(self) -> None:
        self._refused: dict[str, str] = {}

    def __call__(self, request: Request) -> Reply:
        """Refuse a call, and answer the next one."""
        key = request.fields.get("idempotency-key", "")
        if request.path not in self._refused:
            self._refused[request.path] = key
            return Reply(503, {"error": "busy"})
        before = self._refused.pop(request.path)
        if request.method == "POST":
            return Reply(201, {"number": 7, "has_the_same_key": bool(key) and key == before})
        return Reply(200, {"in_stock": 12})


class Billing:
    """Two servers of one API. `POST /break?server=a&for=2` has one of them fail for so many seconds."""

    def __init__(self) -> None:
        self._ill_until: dict[str, float] = {}

    def server(self, name: str) -> Answer:
        """One of them."""
        return partial(self._answer, name)

    def _answer(self, name: str, request: Request) -> Reply:
        if (request.method, request.path) == ("POST", "/break"):
            self._ill_until[request.query["server"][0]] = time.monotonic() + float(request.query["for"][0])
            return Reply(200, {"broken": request.query["server"][0]})
        if time.monotonic() < self._ill_until.get(name, 0.0):
            return Reply(503, {"error": "out of order"})
        return Reply(200, {"server": name})


def echo(request: Request) -> Reply:
    """Says what it got: a partner whose API needs no key, or the caller's own."""
    shown = {"method": request.method, "path": request.path, "authorization": request.fields.get("authorization")}
    return Reply(200, shown)


BILLING = Billing()
STAND_INS = (
    StandIn("api.github.com", github),
    StandIn("api.stripe.com", stripe),
    StandIn("api.openai.com", openai),
    StandIn("maps.example.net", maps),
    StandIn("model.example.net", model),
    StandIn("orders.example.net", Orders()),
    StandIn("billing-a.internal:8443", BILLING.server("a"), is_private=True),
    StandIn("billing-b.internal:8443", BILLING.server("b"), is_private=True),
    StandIn("billing.internal:8443", echo, is_private=True, wants_certificate=True),
    StandIn("wiki.internal", echo, is_private=True),
    StandIn("127.0.0.1:9000", echo, scheme="http", is_private=True),
    StandIn("api.example.com", echo, is_destination=True),
    StandIn("data.example.org", echo, is_destination=True),
)


@dataclass(frozen=True, slots=True)
class Running:
    """The stand-ins while they run: the port of each, and the authority that signed their certificates."""

    ports: Mapping[str, int]
    authority: Authority


@contextmanager
def run_stand_ins(folder: Path) -> Iterator[Running]:
    """Run all stand-ins for the length of a block."""
    authority = Authority(folder)
    names = [f"{one.name}.localhost" for one in STAND_INS if one.scheme == "https"]
    with ExitStack() as stack:
        ports = {}
        for one in STAND_INS:
            context = authority.server_context(*names) if one.scheme == "https" else None
            if context is not None and one.wants_certificate:
                context.load_verify_locations(authority.file)
                context.verify_mode = ssl.CERT_REQUIRED
            ports[one.host] = stack.enter_context(_serving(one, context))
        yield Running(ports, authority)


@contextmanager
def _serving(one: StandIn, context: ssl.SSLContext | None) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), _handler(one))
    server.context = context
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Shakes hands in the thread of the connection, and says nothing of callers that go away."""

    context: ssl.SSLContext | None = None
    daemon_threads = True

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as secure:
            try:
                secure.do_handshake()
            except ssl.SSLError:
                _end_after_alert(secure)
            else:
                super().finish_request(secure, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away, or whose handshake fails, is no news."""


def _end_after_alert(secure: ssl.SSLSocket) -> None:
    """Let the other side read the alert: closing with unread bytes would send a reset, which can overtake it."""
    with socket.socket(fileno=secure.detach()) as plain:
        plain.settimeout(5.0)
        with suppress(OSError):
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536):
                pass


def _handler(one: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            """Read a request and answer it, whatever its method."""
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            reply = _reply(self, one)
            self._send(reply)

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.fields.items():
                self.send_header(name, value)
            if reply.events:
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in (*reply.events, ""):
                    self.wfile.write(f"{len(event):x}\r\n{event}\r\n".encode())
                return
            body = json.dumps(reply.data, separators=(",", ":")).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited name
            """Say nothing."""

    return Handler


def _reply(handler: BaseHTTPRequestHandler, one: StandIn) -> Reply:
    fields = {name.lower(): value for name, value in handler.headers.items()}
    body = handler.rfile.read(int(fields.get("content-length", "0")))
    target = urlsplit(handler.path)
    if re.search(r"exeat_\w", f"{handler.path} {fields} {body!r}"):
        return Reply(500, {"error": "an Exeat key came here"})
    return one.answer(
        Request(
            handler.command,
            target.path,
            parse_qs(target.query),
            fields,
            body,
            f"{one.scheme}://{fields['host']}",
        )
    )
