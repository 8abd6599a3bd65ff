"""How the gateway is, and what the codes of failures mean."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse

import exeat.errors
from exeat import __version__
from exeat.admin import answers
from exeat.admin.answering import reads
from exeat.admin.codes import MEANINGS, Code
from exeat.admin.endpoints import show_resting
from exeat.admin.refusal import Refusal
from exeat.admin.resting_credentials import show_credentials
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services
from exeat.admin.shown import render_time
from exeat.store.configuration.stored import read_revision
from exeat.store.database import is_sqlite
from exeat.store.instances import list_instances

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["status"])
_SUMMED = frozenset({"endpoints", "credentials"})  # what workers say of these is shown for all of them together
NOTHING_RUNS: Mapping[str, Any] = MappingProxyType(
    {
        "in_force": None, "snapshot": None, "leaving": None, "problems": [], "warnings": [], "instance": None,
        "started_at": None, "workers": None, "records_stay": None, "journals": None,
    }
)  # fmt: skip


@router.get("/status", operation_id="get_status", responses=reads(answers.Status))
def get_status(request: Request) -> JSONResponse:
    """How the gateway is: what is kept and in force, its workers and journals, and the other instances."""
    services: Services = request.app.state.services
    now_us = services.now_us()
    state = {**NOTHING_RUNS, **services.status()}
    resting, credentials = show_resting(services, state), show_credentials(state)
    if state["workers"] is not None:
        state["workers"] = [{key: worker[key] for key in worker if key not in _SUMMED} for worker in state["workers"]]
    started_at = state["started_at"]
    return JSONResponse(
        {
            **state,
            "version": __version__,
            "time": render_time(now_us),
            "revision": read_revision(services.engine),
            "started_at": render_time(started_at),
            "uptime_s": None if started_at is None else (now_us - started_at) / 1_000_000,
            "resting": resting,
            "resting_credentials": credentials,
            "database": "sqlite" if is_sqlite(services.engine) else "postgresql",
            "instances": [
                {"name": one.name, "last_record_at": render_time(one.last_record_at)}
                for one in list_instances(services.engine)
            ],
        }
    )


NAMED = {name: answer for name, answer in reads(answers.ErrorPage, Code.NOT_FOUND).items() if name not in {401, 403}}
Name = Annotated[str, Path(max_length=64, description="A failure's name.")]


@router.get("/errors/{code}", operation_id="get_error", responses=NAMED)
def get_error(code: Name) -> JSONResponse:
    """What the code of a failure means: where the `type` of a problem leads."""
    if code not in {known.value for known in Code}:
        raise Refusal(Code.NOT_FOUND, f"There is no code '{code}'.")
    return JSONResponse({"code": code, **MEANINGS[Code(code)]._asdict()})


@router.get("/errors/gateway/{code}", operation_id="get_gateway_error", responses=NAMED)
def get_gateway_error(code: Name) -> JSONResponse:
    """What the code means that the record of an exchange has: the gateway's own failures."""
    if code not in {known.value for known in exeat.errors.Code}:
        raise Refusal(Code.NOT_FOUND, f"There is no code '{code}'.")
    meaning = exeat.errors.MEANINGS[exeat.errors.Code(code)]
    members = {name: getattr(meaning, name) for name in ("status", "title", "explanation", "hint")}
    return JSONResponse({"code": code, **members})
