"""What every route does before its own work: who asks, whether they may, and a body that is what it says it is.

Rule 1: nobody's body is read before it is known that they may send it.
Rule 2: an unknown query parameter is refused: a misspelt `dry_run` must not become a change.
"""

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from exeat.admin.caller import Caller, find_caller
from exeat.admin.codes import Code
from exeat.admin.readable import check_json
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.roles import LEAST, PREFIX, Role
from exeat.admin.services import Services
from exeat.config.problem import suggest

BODY_BYTES = 1 << 20
DOCUMENT_BYTES = 64 << 20
DOCUMENT_ROUTE = f"{PREFIX}/apply"
JSON = ("application/json",)
PATCH = ("application/json", "application/merge-patch+json")
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Members = Mapping[str, Any]
Look = Callable[[Request, Members], Sequence[Fault]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Response])
_LOOKS: dict[Callable[..., Any], Look] = {}


def looked_at_by(look: Look) -> Callable[[Endpoint], Endpoint]:
    """Say what finds the faults of a route's body that its schema can't tell.

    Where the schema has faults already, it is called with the members that have none, so that all is said at once.
    """

    def note(endpoint: Endpoint) -> Endpoint:
        _LOOKS[endpoint] = look
        return endpoint

    return note


class GuardedRoute(APIRoute):
    """A route that refuses who may not use it, by the table of roles."""

    def get_route_handler(self) -> Handler:
        """The handler, with what comes before it."""
        inner = super().get_route_handler()
        roles = LEAST[self.path.removeprefix(PREFIX)]
        known = set(_parameters(self.dependant))
        is_document = self.path == DOCUMENT_ROUTE
        types = (*JSON, *YAML) if is_document else PATCH if "PATCH" in (self.methods or ()) else JSON

        async def handle(request: Request) -> Response:
            services, local = request.app.state.services, request.app.state.acting_as
            least = roles[request.method]
            if least is not None:
                caller = local or await run_in_threadpool(_authorize, services, request, least)
                request.state.caller = caller
                if caller.token is not None:
                    request.app.state.last_use.note(caller.token, services.now_us())
            _check_parameters(request, known)
            if self.body_field is not None or is_document:
                body = await _read(request, DOCUMENT_BYTES if is_document else BODY_BYTES)
                _check_type(request, body, types)
                if not is_document and body:
                    check_json(body)
            try:
                return await inner(request)
            except RequestValidationError as error:
                look = _LOOKS.get(self.endpoint)
                if look is None:
                    raise
                raise await run_in_threadpool(_look_further, request, error, look) from error

        return handle


def _parameters(dependant: Dependant) -> Iterator[str]:
    """The names of the query parameters of a handler and of what it depends on."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _parameters(inner)


def _look_further(request: Request, error: RequestValidationError, look: Look) -> RequestValidationError:
    """What the framework has found wrong with a body, and what is wrong with its other members."""
    found = list(error.errors())
    more: Sequence[Fault] = ()
    if isinstance(error.body, dict) and all(entry["loc"][0] == "body" for entry in found):
        faulty = {entry["loc"][1] for entry in found if len(entry["loc"]) > 1}
        more = look(request, {name: value for name, value in error.body.items() if name not in faulty})
    found += [{"type": "fault", "loc": ("body", *fault.pointer.split("/")[1:]), "msg": fault.message} for fault in more]
    return RequestValidationError(found, body=error.body)


def _authorize(services: Services, request: Request, least: Role) -> Caller:
    caller = find_caller(services, request)
    if caller.role < least:
        raise Refusal(
            Code.ROLE_TOO_LOW, f"This needs the role {least.word}; {caller.name} has {caller.role.word} here."
        )
    return caller


def _check_parameters(request: Request, known: set[str]) -> None:
    given = request.query_params.multi_items()
    if any("\0" in value for value in (*request.path_params.values(), *(value for _, value in given))):
        raise Refusal(Code.MALFORMED_REQUEST, "There is a NUL in the path or in a parameter.")
    names = [name for name, _ in given]
    for name in names:
        if name not in known:
            raise Refusal(Code.MALFORMED_REQUEST, f"There is no parameter '{name[:80]}'{suggest(name, known)}")
        if names.count(name) > 1 and name not in {"by", "where"}:
            raise Refusal(Code.MALFORMED_REQUEST, f"The parameter '{name}' is there twice")


async def _read(request: Request, limit: int) -> bytes:
    """The body, kept where the framework looks for it."""
    declared = request.headers.get("content-length", "0")
    parts: list[bytes] = []
    size = 0
    if not declared.isdecimal() or int(declared) > limit:
        raise Refusal(Code.BODY_TOO_LARGE, f"The body is larger than {limit >> 20} MiB.")
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Refusal(Code.BODY_TOO_LARGE, f"The body is larger than {limit >> 20} MiB.")
        parts.append(part)
    body = b"".join(parts)
    request._body = body  # noqa: SLF001 - where Request.body() keeps it
    return body


def _check_type(request: Request, body: bytes, types: tuple[str, ...]) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind not in types:
        raise Refusal(Code.MEDIA_TYPE, f"The body has the type '{kind[:80]}'; it may be {' or '.join(types)}.")
