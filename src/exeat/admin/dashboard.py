"""The dashboard: the files that `make web` has built, for browsers that reach the control listener.

Rule 1: only files that were there when the first was asked for are served, by their exact names: no path of a request
leads to the disk.
Rule 2: a page may load and reach only this listener; a style or script that somebody writes into it doesn't count.
"""

import gzip
import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parents[1] / "dashboard"
INDEX = "index.html"
HASHED = "assets/"  # a file there has another name as soon as it holds anything else
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
PLACE_OF_NONCE = b"{{nonce}}"
NONCE_BYTES = 16
API = "api/"  # what is wrong with a call of the API is said as the API says it
UNBUILT = (
    "The dashboard isn't built here. In a checkout of Exeat, `make web` builds it; a wheel of Exeat has it inside.\n"
    "Restart the gateway afterwards. The admin API at /api/v1 works without it.\n"
)
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
COMPRESSED = frozenset({".css", ".js", ".svg"})


@dataclass(frozen=True, slots=True)
class File:
    """What is answered for a path; `gzipped` is the same for whoever takes it compressed."""

    content: bytes
    media_type: str
    gzipped: bytes | None = None


def read_files(folder: Path) -> dict[str, File]:
    """What was built, by its path below the folder; empty if nothing was."""
    if not (folder / INDEX).is_file():
        return {}
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): _read(path) for path in paths}


def _read(path: Path) -> File:
    content = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(content, kind, gzip.compress(content, mtime=0) if path.suffix in COMPRESSED else None)


class Dashboard:
    """What answers for paths that no route has; what isn't the dashboard's either goes on to `nothing`."""

    def __init__(self, nothing: ASGIApp, folder: Path = FOLDER) -> None:
        self._nothing = nothing
        self._folder = folder
        self._files: Mapping[str, File] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file; with the page itself for a path of its own, such as `/exchanges`."""
        if self._files is None:
            self._files = await run_in_threadpool(read_files, self._folder)
        found = _find(self._files, Request(scope)) if scope["type"] == "http" else None
        await (self._nothing if found is None else found)(scope, receive, send)


def _find(files: Mapping[str, File], request: Request) -> Response | None:
    path = request.url.path.removeprefix("/")
    if request.method not in {"GET", "HEAD"} or path.startswith(API):
        return None
    if not files:
        return None if path else PlainTextResponse(UNBUILT, 404)
    if path in files and path != INDEX:
        return _answer_file(files[path], request, FOREVER if path.startswith(HASHED) else ASK_AGAIN)
    return _answer_page(files[INDEX]) if _is_page(path, request) else None


def _is_page(path: str, request: Request) -> bool:
    """Whether a browser is shown this path: the name of a file that isn't there is no page."""
    if path in {"", INDEX}:
        return True
    is_file = path.startswith(HASHED) or "." in path.rpartition("/")[2]
    return not is_file and "text/html" in request.headers.get("accept", "")


def _answer_file(file: File, request: Request, caching: str) -> Response:
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    content = file.content
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = file.gzipped
    return Response(content, headers={**headers, "Content-Type": file.media_type})


def _answer_page(index: File) -> Response:
    """The page, with a nonce of its own for the style elements that its script makes."""
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; font-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Cache-Control": "no-store",  # the nonce holds for one answer
        "Content-Security-Policy": policy,
        "Content-Type": index.media_type,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return Response(index.content.replace(PLACE_OF_NONCE, nonce.encode()), headers=headers)
