"""Real servers that tell how they read each request: `servers.py NAME PORT` serves with one of them until it is ended.

The answer's field `Seen` holds it as JSON in hex, for an answer to HEAD has no body: method, target, Host, the framing
fields, and the body's size and SHA-256.
"""

# ruff: noqa: PLC0415 - each process loads only the server that it is
# mypy: disable-error-code="import-untyped"

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

HOST = "127.0.0.1"


def seen(method: object, target: object, host: object, length: object, coding: object, body: bytes) -> str:
    """What a server made of a request."""
    value = {
        "method": method,
        "target": target,
        "host": host,
        "length": length,
        "coding": coding,
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(value).encode().hex()


def of_fields(fields: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    """Host and the framing fields."""
    return fields.get("Host"), fields.get("Content-Length"), fields.get("Transfer-Encoding")


def serve_aiohttp(port: int) -> None:
    from aiohttp import web

    async def answer(request: web.BaseRequest) -> web.Response:
        told = seen(request.method, request.raw_path, *of_fields(request.headers), await request.read())
        return web.Response(headers={"Seen": told})

    async def serve() -> None:
        server = web.Server(answer, auto_decompress=False)
        listener = await asyncio.get_running_loop().create_server(server, HOST, port)
        await listener.serve_forever()

    asyncio.run(serve())


def serve_tornado(port: int) -> None:
    from tornado.httpserver import HTTPServer
    from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine

    def answer(request: HTTPServerRequest) -> None:
        told = seen(request.method, request.uri, *of_fields(request.headers), request.body)
        assert request.connection is not None
        head = HTTPHeaders({"Seen": told, "Content-Length": "0"})
        start = ResponseStartLine("HTTP/1.1", 200, "OK")
        request.connection.write_headers(start, head)  # type: ignore[unused-awaitable]  # its callers may go on
        request.connection.finish()

    async def serve() -> None:
        HTTPServer(answer).listen(port, HOST)
        await asyncio.Event().wait()

    asyncio.run(serve())


async def _asgi(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[object], Any]) -> None:
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    fields = {name.decode().title(): value.decode("latin-1") for name, value in scope["headers"]}
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    told = seen(scope["method"], (scope["raw_path"] + query).decode("latin-1"), *of_fields(fields), body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"seen", told.encode())]})
    await send({"type": "http.response.body"})


def serve_uvicorn(port: int) -> None:
    import uvicorn

    uvicorn.run(_asgi, host=HOST, port=port, http="h11", lifespan="off", log_level="warning")


def _wsgi(target: str) -> Callable[..., list[bytes]]:
    """The application; `target` is where its server has the request's target."""

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        framing = environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")
        body = environ["wsgi.input"].read()
        told = seen(environ["REQUEST_METHOD"], environ[target], environ["HTTP_HOST"], *framing, body)
        start_response("200 OK", [("Seen", told), ("Content-Length", "0")])
        return []

    return answer


def serve_gunicorn(port: int) -> None:
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            self.cfg.set("bind", f"{HOST}:{port}")
            self.cfg.set("worker_class", "gthread")  # the one that keeps connections
            self.cfg.set("threads", 8)
            self.cfg.set("control_socket_disable", True)  # noqa: FBT003 - it would lie in the home directory

        def load(self) -> Callable[..., list[bytes]]:
            return _wsgi("RAW_URI")

    Application().run()


def serve_waitress(port: int) -> None:
    import waitress

    waitress.serve(_wsgi("REQUEST_URI"), host=HOST, port=port, threads=8)


SERVERS = {
    "aiohttp": serve_aiohttp,
    "gunicorn": serve_gunicorn,
    "tornado": serve_tornado,
    "uvicorn": serve_uvicorn,
    "waitress": serve_waitress,
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](int(sys.argv[2]))
