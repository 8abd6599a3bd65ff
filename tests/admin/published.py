"""The published OpenAPI document as schemathesis reads it, and what its requests are sent to."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis.strategies import SearchStrategy
from schemathesis import Case as AnyCase
from schemathesis import CheckFunction, Config, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks
from sqlalchemy import Engine

from exeat.admin.app import build_app
from exeat.admin.caller import SAFE
from exeat.admin.refusal import MEDIA_TYPE
from exeat.admin.services import Told
from exeat.admin.throttle import FORGET_S
from exeat.store.audit_writer import AuditWriter
from exeat.store.database import open_database
from tests.admin.running import BUDGET, RAISED, RUNNING
from tests.admin.service import HOST, LOCAL, PASSWORD, UPSTREAM, World, calling, documented
from tests.store.made import NOON, Chain, make_record
from tests.support.markers import MARKERS

Case = AnyCase[Any]
# Tokens are given by the tests: an invented one would only be refused.
CONFIG = Config.from_dict({"generation": {"with-security-parameters": False}})
SCHEMA = schemathesis.openapi.from_dict(dict(documented()), config=CONFIG)
OPERATIONS: dict[str, Any] = {
    result.ok().definition.raw["operationId"]: result.ok()
    for result in SCHEMA.get_all_operations()
    if isinstance(result, Ok)
}
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.allow_header_conformance,
]
# A body with which each operation that takes one does what it is for.
BODIES: dict[str, Any] = {
    "log_in": {"name": "ada", "password": PASSWORD},
    "change_own_password": {"current": PASSWORD, "new": "another long password"},
    "put_upstream": UPSTREAM,
    "patch_upstream": {"methods": ["GET"]},
    "put_consumer": {"grants": ["github"]},
    "patch_consumer": {"grants": ["github"]},
    "put_destination": {"private": ["10.0.0.0/8"]},
    "patch_destination": {"plaintext": True},
    "put_section": {"origins": ["https://a.example.com"]},
    "patch_section": {"max_age": "1h"},
    "create_key": {"consumer": "web", "label": "CI", "networks": ["10.0.0.0/8"], "expires_in": "90d"},
    "patch_key": {"label": "CI"},
    "rotate_key": {"grace": "1h"},
    "put_credential": {"value": "another value"},
    "apply": {"upstreams": {"github": UPSTREAM}, "destinations": ["a.example.com"]},
    "explain": {"consumer": "web", "target": "/github/user"},
    "create_administrator": {"name": "bob", "role": "viewer", "password": PASSWORD},
    "patch_administrator": {"disabled": True},
    "create_token": {"label": "CI", "expires_in": "90d"},
    "call": {"key": "any", "call": {"upstream": "github"}},
    "test_upstream": {"path": "/user"},
    "verify_audit": {},
    "increase_limit": {"id": RAISED, "budget": "20 EUR", "until": "2027-01-01T00:00:00Z"},
}
NAMES = {
    "upstreams": "github", "consumers": "web", "destinations": "d.example.com", "sections": "cors",
    "credentials": "spare", "administrators": "ada", "records": "id-000001", "revisions": 1, "errors": "stale",
    "webhooks": "ops", "presets": "github", "errors/gateway": "rate-limited",
}  # fmt: skip


class Prepared:
    """A folder with a database that has one thing of each kind, to be copied: making it takes far longer."""

    def __init__(self, folder: Path, tables: Path) -> None:
        self.folder = folder
        shutil.copy(tables, folder / "exeat.db")
        engine = open_copy(folder)
        world = World(folder, engine)
        self.token = world.administrator("ada", password=PASSWORD)
        world.administrator("root")
        self.names: Mapping[str, Any] = {**NAMES, "keys": fill(world), "tokens": self.token[12:24]}
        engine.dispose()


class Stage:
    """An API with one thing of each kind, which is there anew after each change: none spoils what comes after it."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self.names = prepared.names
        self._prepared = prepared
        self._folder = folder
        self._world: World | None = None
        self._app: FastAPI

    def send(self, case: Case, *, token: bool = True) -> Response:
        """Send a request, and hold its answer to the document."""
        if self._world is None:
            self._world = self._make()
        world = self._world
        world.now += FORGET_S + 1  # no log-in has to wait for the ones before
        headers = {"Authorization": f"Bearer {self._prepared.token}"} if token else {}
        response = send(case, world, headers)
        if case.method not in SAFE and response.status_code < HTTPStatus.BAD_REQUEST:
            self.close()
        return response

    def _make(self) -> World:
        shutil.copytree(self._prepared.folder, self._folder)
        world = World(self._folder, open_copy(self._folder))
        told = Told(delivered=True, status=204, reason=None)
        self._app = build_app(world.services(test_webhook={"ops": told}.get, running=RUNNING))
        answer_with(self._app)
        return world

    def close(self) -> None:
        """Throw away what there is."""
        if self._world is not None:
            thread = self._app.state.verifying.thread
            if thread is not None:
                thread.join()
            self._app.state.last_use.settle()
            self._world.engine.dispose()
            shutil.rmtree(self._folder)
        self._world = None


def open_copy(folder: Path) -> Engine:
    """The database of a copy."""
    return open_database(f"sqlite:///{folder}/exeat.db")


def fill(world: World) -> str:
    """Make one thing of each kind; the id of the key."""
    credential = {"kind": "bearer", "secret": "${vault:used}"}
    with calling(world, acting_as=LOCAL) as api:
        for name in "used", "spare":
            api.fine("PUT", f"/credentials/{name}", {"value": MARKERS.make(f"credential {name}")})
        api.fine("PUT", "/upstreams/github", {**UPSTREAM, "credential": credential, "limits": [BUDGET]})
        api.fine("PUT", "/consumers/web", {"grants": ["*"]})
        api.fine("PUT", "/destinations/d.example.com", {})
        api.fine("PUT", "/sections/cors", {"origins": ["*"]})
        made = api.fine("POST", "/keys", {"consumer": "web"})
    MARKERS.add_key(made["key"])
    AuditWriter(world.engine).write([Chain().seal(make_record(1, NOON))])
    return str(made["id"])


def answer_with(app: FastAPI) -> None:
    """Have an application answer from now on."""
    for operation in OPERATIONS.values():
        operation.app = app


def send(case: Case, world: World, headers: Mapping[str, str]) -> Response:
    """Send a request to the application of the document, and hold its answer to that."""
    response = case.call(base_url=HOST, headers=dict(headers))
    if world.reported:
        raise world.reported[0]
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        assert response.headers["content-type"] == [MEDIA_TYPE]
    return response


def boundaries(operation: Any, count: int) -> Sequence[Case]:
    """What schemathesis always tries: the bounds of each schema and beyond, missing parts, other methods and types.

    A document's schema has thousands: of many there are `count`, from all over.
    """
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    config = SCHEMA.config.generation_for(operation=operation)
    cases = SCHEMA.iter_coverage_cases(operation, generation_modes=modes, generation_config=config)
    found = list(islice(cases, 12 * count))
    return found[:: max(1, len(found) // count)]


def searches(operation: Any) -> Iterator[SearchStrategy[Case]]:
    """What is drawn at random: requests that the document allows, and ones that it doesn't."""
    yield operation.as_strategy()
    if operation.path_parameters or operation.query or operation.body or operation.headers:
        yield operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def conditions(operation: Any) -> Sequence[Mapping[str, str]]:
    """The fields that say what a request is based on: first those with which it is to be done, then all others."""
    if not operation.headers:
        return [{}]
    fields = [{}, {"if-match": "*"}, {"if-match": '"999"'}, {"if-none-match": "*"}]
    return fields if operation.method == "post" else [fields[1], fields[0], *fields[2:]]


def aimed(operation: Any, names: Mapping[str, Any], headers: Mapping[str, str], **fixed: Any) -> SearchStrategy[Case]:
    """Requests to what is there; what isn't `fixed` is drawn."""
    kind, *more = operation.path.split("/")[3:]
    kind = f"{kind}/{more[0]}" if more and f"{kind}/{more[0]}" in names else kind
    parameters = {parameter.name: names[kind] for parameter in operation.path_parameters}
    strategy: SearchStrategy[Case] = operation.as_strategy(path_parameters=parameters, **fixed)
    return strategy.map(partial(_based, headers=headers))


def _based(case: Case, headers: Mapping[str, str]) -> Case:
    """With these conditions in place of those that were drawn; no change is a dry run."""
    case.headers.clear()
    case.headers.update(headers)
    if case.method != "GET":
        case.query.clear()
    return case
