"""HTTP clients as people use them, each told a base URL and an Exeat key in the way that its users would."""

import asyncio
import json
import selectors
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import aiohttp
import httpx
import requests

LIMIT_S = 20


class Ask(NamedTuple):
    """A request in the words of a client library: at most one of `data`, `form`, `file`, `pieces` is its body."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    data: bytes | None = None
    value: object = None
    form: Mapping[str, str] | None = None
    file: tuple[str, bytes] | None = None
    pieces: tuple[bytes, ...] | None = None
    follow: bool = False


class Got(NamedTuple):
    """What a client made of an answer; `fields` by lower-case name, `body` decoded if it was compressed."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as a JSON object."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class Client(Protocol):
    """A client that keeps connections and cookies between its requests."""

    def ask(self, ask: Ask) -> Got:
        """Send a request and read the whole answer."""


class Access(NamedTuple):
    """Where to call, with which key (none when calling an API directly), and whom to trust."""

    base: str
    key: str | None
    authority: Path


class Curl(AbstractContextManager["Curl"]):
    """curl, with the key as the password of `-u`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._folder = TemporaryDirectory(prefix="exeat-curl-")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def ask(self, ask: Ask) -> Got:
        """Run curl once."""
        folder = Path(self._folder.name)
        head, body, jar = folder / "head", folder / "body", folder / "jar"
        body.write_bytes(b"")
        command = ["curl", "-sS", "--compressed", "--max-time", str(LIMIT_S), "--cacert", str(self._access.authority)]
        command += ["-b", str(jar), "-c", str(jar), "-D", str(head), "-o", str(body), "-w", "%{http_code}"]
        if self._access.key is not None:
            command += ["-u", f"exeat:{self._access.key}"]
        command += ["-I"] if ask.method == "HEAD" else [] if ask.follow else ["-X", ask.method]
        command += ["-L"] if ask.follow else []
        for name, text in ask.headers.items():
            command += ["-H", f"{name}: {text}"]
        more, stdin = self._body(ask, folder)
        done = subprocess.run(
            [*command, *more, self._access.base + ask.path], input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        last = head.read_bytes().decode("latin-1").strip().split("\r\n\r\n")[-1]
        pairs = [line.partition(":") for line in last.split("\r\n")[1:]]
        content = b"" if ask.method == "HEAD" else body.read_bytes()  # -I writes the head there
        return Got(int(done.stdout), {name.lower(): text.strip() for name, _, text in pairs}, content)

    def _body(self, ask: Ask, folder: Path) -> tuple[list[str], bytes | None]:
        if ask.value is not None:
            return ["-H", "Content-Type: application/json", "-d", json.dumps(ask.value)], None
        if ask.form is not None:
            return [part for name, text in ask.form.items() for part in ("--data-urlencode", f"{name}={text}")], None
        if ask.file is not None:
            (folder / "upload").write_bytes(ask.file[1])
            return ["-F", f"file=@{folder / 'upload'};filename={ask.file[0]}"], None
        octets = ["-H", "Content-Type: application/octet-stream", "--data-binary", "@-"]
        if ask.pieces is not None:
            return ["-H", "Transfer-Encoding: chunked", *octets], b"".join(ask.pieces)
        return ([], None) if ask.data is None else (octets, ask.data)


class Requests(AbstractContextManager["Requests"]):
    """A requests.Session, with the key as the user of basic authentication."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session = requests.Session()
        if access.key is not None:
            self._session.auth = (access.key, "")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def ask(self, ask: Ask) -> Got:
        """Send a request."""
        answer = self._session.request(
            ask.method,
            self._access.base + ask.path,
            headers=dict(ask.headers),
            data=ask.form if ask.form is not None else iter(ask.pieces) if ask.pieces is not None else ask.data,
            json=ask.value,
            files=None if ask.file is None else {"file": ask.file},
            allow_redirects=ask.follow,
            verify=str(self._access.authority),  # a session's own gives way to REQUESTS_CA_BUNDLE
            timeout=LIMIT_S,
        )
        return Got(answer.status_code, _lower(answer.headers), answer.content)


class Httpx(AbstractContextManager["Httpx"]):
    """An httpx.Client, with the key as a bearer token."""

    def __init__(self, access: Access) -> None:
        self._client = httpx.Client(
            base_url=access.base,
            headers={} if access.key is None else {"Authorization": f"Bearer {access.key}"},
            verify=ssl.create_default_context(cafile=str(access.authority)),
            timeout=LIMIT_S,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(self, ask: Ask) -> Got:
        """Send a request."""
        answer = self._client.request(
            ask.method,
            ask.path,
            headers=dict(ask.headers),
            content=iter(ask.pieces) if ask.pieces is not None else ask.data,
            json=ask.value,
            data=ask.form,
            files=None if ask.file is None else {"file": ask.file},
            follow_redirects=ask.follow,
        )
        return Got(answer.status_code, _lower(answer.headers), answer.content)


class Aiohttp(AbstractContextManager["Aiohttp"]):
    """An aiohttp.ClientSession, with the key in a field of its own."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._selector = selectors.DefaultSelector()
        self._runner = asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(self._selector))

    def __enter__(self) -> Self:
        self._session = self._runner.run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._close())
        self._runner.close()

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            headers={} if self._access.key is None else {"Exeat-Key": self._access.key},
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(self._access.authority))),
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies of an address, not a name
            timeout=aiohttp.ClientTimeout(total=LIMIT_S),
        )

    async def _close(self) -> None:
        """Close, and wait for the ends of TLS that a session leaves to the loop: only its own pipe may remain."""
        await self._session.close()
        async with asyncio.timeout(LIMIT_S):
            while len(self._selector.get_map()) > 1:  # noqa: ASYNC110 - nobody says when a socket leaves it
                await asyncio.sleep(0.001)

    def ask(self, ask: Ask) -> Got:
        """Send a request."""
        return self._runner.run(self._ask(ask))

    async def _ask(self, ask: Ask) -> Got:
        data: object = ask.data if ask.form is None else dict(ask.form)
        if ask.file is not None:
            form = aiohttp.FormData()
            form.add_field("file", ask.file[1], filename=ask.file[0])
            data = form
        elif ask.pieces is not None:
            data = _each(ask.pieces)
        async with self._session.request(
            ask.method,
            self._access.base + ask.path,
            headers=dict(ask.headers),
            data=data,
            json=ask.value,
            allow_redirects=ask.follow,
        ) as answer:
            return Got(answer.status, _lower(answer.headers), await answer.read())


async def _each(pieces: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _lower(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in fields.items()}


Make = Callable[[Access], AbstractContextManager[Client]]
CLIENTS: dict[str, Make] = {"curl": Curl, "requests": Requests, "httpx": Httpx, "aiohttp": Aiohttp}
