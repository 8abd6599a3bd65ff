"""HTTPS for the services: one listener for each, a thread for each connection, the standard library's HTTP server.

It sits behind the gateway on loopback only. It frames, compresses, tags and tells the truth about what it received.
"""

import gzip
import hashlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from exeat.cli.sample import files, model, partner, weather
from exeat.cli.sample.credentials import check, holds_key, mask
from exeat.cli.sample.message import Answer, Refusal, Request, answer_json, parse_number
from exeat.cli.sample.notes import Notes
from exeat.cli.sample.shop import Shop

Serve = Callable[[Request], Answer]

LARGEST_BODY = 16 * 1024**2
LARGEST_CHUNK_LINE = 100
LEAST_COMPRESSED = 256
KEY_SEEN = "An Exeat key reached an upstream. It never may: this is a bug of Exeat."
NO_BODY = frozenset({204, 304})


def services() -> dict[str, Serve]:
    """What answers for each service; each call has a state of its own."""
    return {
        "notes": Notes().serve,
        "shop": Shop().serve,
        "weather": weather.serve,
        "model": model.serve,
        "files": files.serve,
        "partner": partner.serve,
    }


@dataclass(slots=True)
class Tally:
    """How many requests arrived, and how many of them held an Exeat key."""

    requests: int = 0
    keys: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *, has_key: bool) -> None:
        """Count one request."""
        with self._lock:
            self.requests += 1
            self.keys += has_key


class Service(ThreadingHTTPServer):
    """One service on a free port of 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, serve: Serve, secret: str, context: ssl.SSLContext, tally: Tally) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.name = name
        self.serve = serve
        self.secret = secret
        self.tally = tally
        self._context = context

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept; the handshake is left to the connection's thread, so that a silent client holds up nobody."""
        accepted, address = self.socket.accept()
        return self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error; anything else is, and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # its stub narrows what it ignores


class Connection(BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    server: Service
    protocol_version = "HTTP/1.1"
    server_version = "exeat-sample"
    sys_version = ""
    timeout: ClassVar[int] = 75
    wbufsize = -1  # a head and a short body leave in one record
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """Answer one request; a Refusal becomes JSON too."""
        try:
            request = self._read()
            self._look_for_key()
            check(self.server.name, request, self.server.secret)
            answer = self._echo(request) if request.segments[-1:] == ("echo",) else self.server.serve(request)
        except Refusal as refusal:
            named = {name.lower().replace("-", "_"): text for name, text in refusal.fields.items()}
            answer = answer_json({"error": {"message": refusal.message}}, refusal.status, **named)
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the gateway has an access line for each request."""

    def _read(self) -> Request:
        address = urlsplit(self.path)
        return Request(
            self.command,
            f"https://{self.headers.get('Host', 'localhost')}",
            unquote(address.path),
            parse_qs(address.query, keep_blank_values=True),
            {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers},
            self._body(),
        )

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        try:
            return self.rfile.read(parse_number(length, 0, LARGEST_BODY))
        except Refusal as error:
            raise self._too_large() from error

    def _chunks(self) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline(LARGEST_CHUNK_LINE).partition(b";")[0], 16):
            if len(body) + size > LARGEST_BODY:
                raise self._too_large()
            body += self.rfile.read(size)
            self.rfile.readline(LARGEST_CHUNK_LINE)
        while self.rfile.readline(LARGEST_BODY).strip():
            pass  # trailers
        return bytes(body)

    def _too_large(self) -> Refusal:
        """The refusal of a body; what is left of it is not read, so nothing can follow on this connection."""
        self.close_connection = True
        return Refusal(413, f"A body has at most {LARGEST_BODY} bytes.", {"Connection": "close"})

    def _look_for_key(self) -> None:
        has_key = holds_key(f"{self.requestline}\n{self.headers}")
        self.server.tally.count(has_key=has_key)
        if has_key:
            print(f"sample API: {KEY_SEEN}", file=sys.stderr, flush=True)  # noqa: T201
            raise Refusal(500, KEY_SEEN)

    def _echo(self, request: Request) -> Answer:
        """What arrived, without the secret."""
        secret = self.server.secret
        shown = {name: mask(text, secret) for name, text in request.fields.items()}
        query = {name: [mask(text, secret) for text in texts] for name, texts in request.query.items()}
        text = request.body[:1000].decode("utf-8", "replace")
        return answer_json(
            {"method": request.method, "path": request.path, "query": query, "headers": shown, "body": text}
        )

    def _send(self, answer: Answer) -> None:
        if isinstance(answer.body, bytes):
            self._send_whole(answer, answer.body)
        elif answer.length is not None:
            self._send_head(answer, ("Content-Length", str(answer.length)))
            self._send_pieces(answer.body)
        else:
            self._send_head(answer, ("Transfer-Encoding", "chunked"))
            self._send_pieces(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in answer.body)
            self._send_pieces([b"0\r\n\r\n"])

    def _send_whole(self, answer: Answer, body: bytes) -> None:
        extra: list[tuple[str, str]] = []
        if answer.status == 200 and body:  # noqa: PLR2004
            # Weak: the same tag stands for the compressed form too (RFC 9110 §8.8.1).
            tag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
            extra = [("ETag", tag), ("Vary", "Accept-Encoding")]
            if self.command in {"GET", "HEAD"} and self.headers.get("If-None-Match") == tag:
                self._send_head(Answer(304), *extra)
                self.wfile.flush()
                return
            if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) >= LEAST_COMPRESSED:
                body = gzip.compress(body, compresslevel=6, mtime=0)
                extra.append(("Content-Encoding", "gzip"))
        if answer.status not in NO_BODY:
            extra.append(("Content-Length", str(len(body))))
        self._send_head(answer, *extra)
        self._send_pieces([] if answer.status in NO_BODY else [body])

    def _send_head(self, answer: Answer, *extra: tuple[str, str]) -> None:
        self.send_response(answer.status)
        for name, text in (*answer.fields, *extra):
            self.send_header(name, text)
        self.end_headers()

    def _send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send each piece at once; a HEAD has none."""
        if self.command != "HEAD":
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()
        self.wfile.flush()


def start(certificate: str, key: str, secrets: Mapping[str, str], tally: Tally) -> dict[str, Service]:
    """Every service, listening, with a thread that accepts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    started = {name: Service(name, serve, secrets[name], context, tally) for name, serve in services().items()}
    for service in started.values():
        threading.Thread(target=service.serve_forever, daemon=True).start()
    return started
