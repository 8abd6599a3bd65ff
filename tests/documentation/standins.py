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
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.apis import kinds, translation
from tests.support.apis.answers import Answer, Reply, Request
from tests.support.apis.anthropic import Anthropic
from tests.support.apis.aws import Aws
from tests.support.apis.github import GitHub
from tests.support.apis.openai import OpenAi
from tests.support.apis.slack import Slack
from tests.support.apis.stripe import Stripe
from tests.support.apis.tokens import REFRESH_TOKEN, SECRET, Tokens
from tests.support.apis.translation import Translation
from tests.support.certificates import Authority

# What the pages' documents refer to, and what the stand-ins ask for.
SECRETS = {
    "GITHUB_TOKEN": "ghp_example",
    "OPENAI_API_KEY": "sk-example",
    "ANTHROPIC_API_KEY": "sk-ant-example",
    "SLACK_TOKEN": "xoxb-example",
    "STRIPE_SECRET": "sk_test_example",
    "AWS_SECRET": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "MAPS_KEY": "maps-example",
    "MODEL_KEY": "model-example",
    "LOGIN_SECRET": SECRET,
    "LOGIN_REFRESH_TOKEN": REFRESH_TOKEN,
    "TELEGRAM_TOKEN": kinds.TELEGRAM_TOKEN,
    "FORUM_SESSION": kinds.FORUM_SESSION,
    "PUSH_TOKEN": kinds.PUSH_TOKEN,
    "RECORDS_SECRET": kinds.RECORDS_SECRET,
    "SIGNING_SECRET": kinds.SIGNING_SECRET,
    "EXCHANGE_KEY": kinds.EXCHANGE_KEY,
    "EXCHANGE_PASSPHRASE": kinds.EXCHANGE_PASSPHRASE,
    "EXCHANGE_SECRET": kinds.EXCHANGE_SECRET,
    "TRANSLATE_KEY_A": translation.KEYS["a"],
    "TRANSLATE_KEY_B": translation.KEYS["b"],
    "TRANSLATE_KEY_C": translation.KEYS["c"],
    "WEBHOOK_SECRET": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


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
            return GITHUB.api(request)


def stripe(request: Request) -> Reply:
    """A little of Stripe, which takes its key as a user name, and more of it, which takes it as a bearer token."""
    if _bearer("STRIPE_SECRET", request):
        return STRIPE.api(request)
    given = "Basic " + base64.b64encode(f"{SECRETS['STRIPE_SECRET']}:".encode()).decode()
    if request.fields.get("authorization") != given:
        return Reply(401, {"error": {"type": "invalid_request_error"}})
    if request.path != "/v1/charges":
        return Reply(404, {"error": {"type": "invalid_request_error"}})
    if request.method == "POST":
        amount = int(parse_qs(request.body.decode())["amount"][0])
        return Reply(200, {"id": "ch_1", "amount": amount})
    return Reply(200, {"object": "list", "data": []})


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
GITHUB = GitHub(SECRETS["GITHUB_TOKEN"])
SLACK = Slack(SECRETS["SLACK_TOKEN"])
STRIPE = Stripe(SECRETS["STRIPE_SECRET"])
TOKENS = Tokens()
AWS = Aws(SECRETS["AWS_SECRET"])
STAND_INS = (
    StandIn("api.github.com", github),
    StandIn("api.stripe.com", stripe),
    StandIn("uploads.github.com", GITHUB.uploads),
    StandIn("files.stripe.com", STRIPE.files),
    StandIn("api.openai.com", OpenAi(SECRETS["OPENAI_API_KEY"], "gpt-example", ("Hel", "lo."))),
    StandIn("api.anthropic.com", Anthropic(SECRETS["ANTHROPIC_API_KEY"], ("claude-example",), ("Hel", "lo."))),
    StandIn("slack.com", SLACK.api),
    StandIn("files.slack.com", SLACK.files),
    StandIn("login.example.net", TOKENS.login),
    StandIn("crm.example.net", TOKENS.api),
    StandIn("git.example.net", TOKENS.github),
    StandIn("oauth2.googleapis.com", TOKENS.login),
    StandIn("storage.googleapis.com", TOKENS.api),
    StandIn("s3.eu-west-1.amazonaws.com", AWS.s3),
    StandIn("sqs.eu-west-1.amazonaws.com", AWS.sqs),
    StandIn("files.example.net", Aws(SECRETS["AWS_SECRET"]).s3),
    StandIn("maps.example.net", maps),
    StandIn("model.example.net", model),
    StandIn("api.telegram.org", kinds.telegram),
    StandIn("forum.example.net", kinds.forum),
    StandIn("push.example.net", kinds.push),
    StandIn("records.example.net", kinds.records),
    StandIn("signed.example.net", kinds.signed),
    StandIn("hooks.example.net", kinds.hook),
    StandIn("exchange.example.net", kinds.exchange),
    StandIn("translate.example.net", Translation()),
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
        SLACK.files_url = f"https://files.slack.com.localhost:{ports['files.slack.com']}"
        GITHUB.uploads_url = f"https://uploads.github.com.localhost:{ports['uploads.github.com']}"
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
            body = reply.body()
            if "Content-Type" not in reply.fields:
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
