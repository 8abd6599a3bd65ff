"""An admin API on a database of its own, and somebody who calls it; each answer is held to the OpenAPI document."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
from argon2 import PasswordHasher
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from exeat.admin.app import build_app, describe_only
from exeat.admin.caller import Caller
from exeat.admin.passwords import Passwords
from exeat.admin.roles import PREFIX, Role
from exeat.admin.services import Checked, Members, Outside, Services, describe_outside, draw_symbols
from exeat.cli.control.effect import Effect
from exeat.config.compile import load, outside
from exeat.config.problem import DocumentError
from exeat.config.settings import Settings, read_settings
from exeat.model.admin_token import make_token
from exeat.model.stored import Stored
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.vault.keyring_file import open_keyring
from exeat.vault.seal import Sealer
from tests.support.markers import MARKERS

NOW = 1_790_078_400.0  # 2026-09-22T12:00:00Z
PASSWORD = "correct horse battery"
PASSWORDS = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
HOST = "http://localhost:8081"
UPSTREAM = {"url": "https://api.example.com"}


class Recorded(NamedTuple):
    """A record of a change."""

    actor: str
    action: str
    what: str
    before: Members
    after: Members


@dataclass
class World:
    """What an admin API is built on here, and what it has done to it."""

    folder: Path
    engine: Engine
    now: float = NOW
    keeps_records: bool = True
    records: list[Recorded] = field(default_factory=list)
    revisions: list[int] = field(default_factory=list)
    reported: list[Exception] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    document: str = "{}\n"

    def __post_init__(self) -> None:
        (self.folder / "exeat-data").mkdir(mode=0o700, exist_ok=True)
        self.sealer = Sealer(open_keyring(None, self.folder, self.folder / "exeat-data"))

    def settings(self) -> Settings:
        (self.folder / "exeat.yaml").write_text(self.document, "utf-8")
        return read_settings(self.variables, self.folder)

    def check(self, stored: Stored) -> Checked:
        try:
            return Checked((), load(self.settings(), stored, running=True).warnings)
        except DocumentError as error:
            return Checked(error.problems)

    def outside(self) -> Outside:
        return describe_outside(outside(self.settings()))

    def audit(self, actor: str, action: str, what: str, before: Members, after: Members) -> bool:
        if self.keeps_records:
            self.records.append(Recorded(actor, action, what, before, after))
        return self.keeps_records

    def services(self, **others: Any) -> Services:
        services = Services(
            engine=self.engine,
            sealer=self.sealer,
            check=self.check,
            audit=self.audit,
            clock=lambda: self.now,
            steady=lambda: self.now,
            outside=self.outside,
            explain=lambda asked: Effect(self.settings(), self.engine).explain(asked),
            endpoints=lambda name: Effect(self.settings(), self.engine).endpoints(name),
            changed=self.revisions.append,
            report=lambda error, _: self.reported.append(error),
            passwords=PASSWORDS,
        )
        return replace(services, **others)

    def administrator(self, name: str, role: str = "administrator", password: str | None = None) -> str:
        """Make an administrator; a token of theirs."""
        made = make_token(draw_symbols)
        MARKERS.add(f"token of {name}", made.token.reveal())
        kept = None if password is None else PASSWORDS.hash(_secret(password))
        with editing(self.engine, Author("test"), now_us=int(self.now * 1e6)) as edit:
            edit.put_administrator(name, role=role, password=kept)
            edit.add_token(id=made.id, administrator=name, sha256=made.sha256, role=role, label="test", expires_at=None)
        return made.token.reveal()


def _secret(text: str) -> Any:
    from exeat.model.secret import Secret  # noqa: PLC0415 - one use

    return Secret(text)


class Api:
    """Calls an admin API, and holds every answer to what the OpenAPI document says."""

    def __init__(self, world: World, app: FastAPI, runner: asyncio.Runner, transport: httpx.ASGITransport) -> None:
        self.world = world
        self.app = app
        self._runner = runner
        self._transport = transport
        self.client = httpx.AsyncClient(transport=transport, base_url=HOST)

    def ask(self, method: str, path: str, data: object = None, **options: Any) -> httpx.Response:
        """Any request; `path` begins below /api/v1. A `tag` is sent as If-Match."""
        headers = httpx.Headers(options.pop("headers", None))
        if "tag" in options:
            headers["If-Match"] = options.pop("tag")
        if data is not None:
            options["content"] = orjson.dumps(data)
            headers.setdefault("Content-Type", "application/json")
        request = self.client.request(method, PREFIX + path, headers=headers, **options)
        response = self._runner.run(_done(request))
        check_documented(method, response)
        return response

    def probe(self, path: str) -> httpx.Response:
        """What a path outside of the API answers to anybody."""
        return self._runner.run(_done(self.client.get(path)))

    def get(self, path: str, **params: Any) -> Any:
        """What a GET answers, which has to be fine."""
        return self.fine("GET", path, params=params)

    def fine(self, method: str, path: str, data: object = None, **options: Any) -> Any:
        """What a request answers, which has to be fine."""
        response = self.ask(method, path, data, **options)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def refused(self, method: str, path: str, data: object = None, **options: Any) -> tuple[int, str]:
        """With which status and code a request is refused."""
        response = self.ask(method, path, data, **options)
        assert response.headers["content-type"] == "application/problem+json", response.text
        return response.status_code, response.json()["code"]

    def problems(self, method: str, path: str, data: object = None, **options: Any) -> dict[str, str]:
        """What is wrong with a body, by pointer."""
        response = self.ask(method, path, data, **options)
        assert response.status_code == 422, response.text
        return {problem["pointer"]: problem["message"] for problem in response.json()["problems"]}

    def move(self, address: str) -> None:
        """Call from another address from now on."""
        self._transport.client = (address, 1)

    def tag(self, path: str) -> str:
        """The ETag of an object."""
        return str(self.ask("GET", path).headers["etag"])


async def _done(request: Any) -> httpx.Response:
    response: httpx.Response = await request
    return response


@contextmanager
def calling(
    world: World,
    *,
    token: str | None = None,
    acting_as: Caller | None = None,
    address: str = "127.0.0.1",
    **others: Any,
) -> Iterator[Api]:
    """Somebody who calls the API of a world."""
    app = build_app(world.services(**others), acting_as=acting_as)
    transport = httpx.ASGITransport(app, client=(address, 1))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with asyncio.Runner() as runner:
        api = Api(world, app, runner, transport)
        api.client.headers.update(headers)
        yield api
        runner.run(api.client.aclose())
        app.state.last_use.settle()


LOCAL = Caller("local", Role.ADMINISTRATOR)


@cache
def documented() -> Mapping[str, Any]:
    """The OpenAPI document."""
    return describe_only().openapi()


def check_documented(method: str, response: httpx.Response) -> None:
    """An answer is one that the OpenAPI document has."""
    path = response.request.url.path
    operation = _operation(method, path)
    if operation is None:
        assert response.status_code in {404, 405}
        return
    known = operation["responses"]
    status = str(response.status_code)
    assert status in known, f"{method} {path} answers {status}: {response.text}"
    media_type = response.headers.get("content-type", "").partition(";")[0]
    described = known[status]
    if "$ref" in described:
        described = documented()["components"]["responses"][described["$ref"].rpartition("/")[2]]
        assert f"`{response.headers['exeat-error']}`" in described["description"]
    content = described.get("content", {})
    if not response.content or not content:
        return
    assert media_type in content, f"{method} {path} answers {status} with {media_type}"
    if media_type.endswith("json"):
        _validator(orjson.dumps(content[media_type]["schema"])).validate(response.json())


@cache
def _validator(schema: bytes) -> Draft202012Validator:
    return Draft202012Validator({**orjson.loads(schema), "components": documented()["components"]})


def _operation(method: str, path: str) -> Any:
    for pattern, operations in documented()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) and method.lower() in operations:
            return operations[method.lower()]
    return None
