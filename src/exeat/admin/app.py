"""The application: every resource, what surrounds them, and what becomes of what goes wrong."""

import threading
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from exeat import __version__
from exeat.admin import (
    administrators,
    condition,
    credentials,
    documents,
    endpoints,
    explain,
    exporting,
    happenings,
    keys,
    limits,
    live,
    metrics,
    objects,
    presets,
    probes,
    proof,
    revisions,
    session,
    status,
    testing,
    tokens,
    trail,
    trying,
    webhooks,
)
from exeat.admin.caller import Caller
from exeat.admin.codes import Code
from exeat.admin.dashboard import Dashboard
from exeat.admin.description import describe, serve
from exeat.admin.failures import Failures
from exeat.admin.forwarded import Forwarded
from exeat.admin.last_use import LastUse
from exeat.admin.pointers import render_pointer
from exeat.admin.refusal import Fault, Refusal, answer
from exeat.admin.services import Services
from exeat.admin.surroundings import Surroundings
from exeat.admin.throttle import Throttle
from exeat.store.configuration.failure import ConflictError, ExistsError, InvalidError, NotFoundError, StaleError
from exeat.store.configuration.people import note_tokens_used
from exeat.store.failure import StoreError

E = TypeVar("E", bound=Exception)
RESOURCES = (
    status.router, session.router, objects.build_router(), endpoints.router, keys.router, credentials.router,
    revisions.router, documents.router, explain.router, webhooks.router, administrators.router, tokens.router,
    trail.router, probes.router, metrics.router, live.router, limits.router, happenings.router, trying.router,
    proof.router, exporting.router, presets.router, condition.router, testing.router,
)  # fmt: skip
# What the store refuses; the first that fits.
_OF_STORE: tuple[tuple[type[StoreError], Code], ...] = (
    (StaleError, Code.STALE),
    (ExistsError, Code.EXISTS),
    (NotFoundError, Code.NOT_FOUND),
    (InvalidError, Code.INVALID),
    (ConflictError, Code.CONFLICT),
    (StoreError, Code.DATABASE_UNAVAILABLE),
)
_OF_HTTP = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 400: Code.MALFORMED_REQUEST}


def build_app(services: Services, *, acting_as: Caller | None = None) -> FastAPI:
    """The admin API. With `acting_as` nobody is asked for a token: every request is this caller's.

    That is for an application that is called in the same process, by who may read database and keyring anyway; it is
    never to be given to a server.
    """
    app = describe_only()
    app.state.services = services
    app.state.lock = threading.Lock()
    app.state.throttle = Throttle(services.steady)
    app.state.failures = Failures(services.audit, services.steady)
    app.state.acting_as = acting_as
    app.state.examining = threading.Lock()
    app.state.exports = threading.Semaphore(exporting.AT_ONCE)
    app.state.lock_of_verifying = threading.Lock()
    app.state.verifying = proof.Verifying()
    app.state.last_use = LastUse(partial(note_tokens_used, services.engine), services.steady)
    app.router.default = Dashboard(app.router.default)
    app.add_middleware(Surroundings, services=services)
    app.add_middleware(Forwarded, trusted=services.trusted)
    return app


def describe_only() -> FastAPI:
    """The application without what it is built on: it can only be described."""
    app = FastAPI(
        title="Exeat admin API",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={
            Refusal: _refused,
            StoreError: _store_failed,
            RequestValidationError: _invalid,
            HTTPException: _http_failed,
        },
    )
    for router in (*RESOURCES, serve()):
        app.router.routes.extend(router.routes)  # as they are: `include_router` would make others of them
    describe(app)
    return app


def _id_of(request: Request) -> str:
    return str(request.state.request_id)


async def _refused(request: Request, error: Exception) -> Response:
    return answer(_as(Refusal, error), _id_of(request))


async def _store_failed(request: Request, error: Exception) -> Response:
    code = next(code for kind, code in _OF_STORE if isinstance(error, kind))
    detail = str(error)
    if code is not Code.DATABASE_UNAVAILABLE:
        faults = [Fault("", detail)] if code is Code.INVALID else []
        return answer(Refusal(code, detail, faults=faults), _id_of(request))
    if getattr(request.state, "caller", None) is None:
        detail = "The database can't be used now."  # where it is, is no stranger's business
    return answer(Refusal(code, detail, retry_after_s=1.0), _id_of(request))


async def _invalid(request: Request, error: Exception) -> Response:
    """What the framework finds wrong: of a body all of it with pointers, of a parameter in one sentence."""
    found = _as(RequestValidationError, error).errors()
    faults = [
        Fault(render_pointer(tuple(entry["loc"][1:])), _word(entry)) for entry in found if entry["loc"][0] == "body"
    ]
    others = [f"{entry['loc'][-1]}: {_word(entry)}" for entry in found if entry["loc"][0] != "body"]
    if others:
        return answer(Refusal(Code.MALFORMED_REQUEST, "; ".join(others)), _id_of(request))
    detail = "The body isn't what is expected here."
    return answer(Refusal(Code.INVALID, detail, faults=faults), _id_of(request))


def _word(entry: dict[str, object]) -> str:
    """What is wrong, without what was sent."""
    words = {
        "extra_forbidden": "unknown member",
        "missing": "is missing",
        "string_pattern_mismatch": "has signs that can't be there",
    }
    return words.get(str(entry["type"])) or str(entry["msg"])


async def _http_failed(request: Request, error: Exception) -> Response:
    failure = _as(HTTPException, error)
    code = _OF_HTTP.get(failure.status_code)
    if code is None:
        return JSONResponse({"detail": HTTPStatus(failure.status_code).phrase}, failure.status_code)
    headers = {"Allow": _methods_of(request)} if code is Code.METHOD_NOT_ALLOWED else {}
    details = {Code.NOT_FOUND: "Nothing has this path.", Code.METHOD_NOT_ALLOWED: "This path has another method."}
    return answer(Refusal(code, details.get(code, "The request can't be read."), headers=headers), _id_of(request))


def _methods_of(request: Request) -> str:
    """Every method of a path: the framework knows those of one route, and each method has a route of its own."""
    here = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in here for method in route.methods}))


def _as(kind: type[E], error: Exception) -> E:
    if not isinstance(error, kind):
        raise error
    return error
