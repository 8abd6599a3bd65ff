"""An upstream on loopback that answers when the test says so: for what happens while a request is under way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT_S = 20.0
BODY = b"at last\n"


class HeldUpstream:
    """A server whose answers wait for `release`; `arrived` is set by the first request."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.release = threading.Event()
        held = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer once the test lets it."""
                held.arrived.set()
                held.release.wait(LIMIT_S)
                self.send_response(200)
                self.send_header("Content-Length", str(len(BODY)))
                self.end_headers()
                self.wfile.write(BODY)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited name
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def entry(self) -> dict[str, object]:
        """The upstream as a document declares it."""
        return {
            "url": f"http://127.0.0.1:{self.server.server_port}",
            "plaintext": True,
            "network": {"private": ["127.0.0.0/8"]},
        }


@contextmanager
def held_upstream() -> Iterator[HeldUpstream]:
    """Run one for the length of a block."""
    upstream = HeldUpstream()
    thread = threading.Thread(target=upstream.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield upstream
    finally:
        upstream.release.set()
        upstream.server.shutdown()
        thread.join()
        upstream.server.server_close()
