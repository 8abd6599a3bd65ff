"""By which settings a gateway runs, and what would stop it from working."""

import platform
import sqlite3
import ssl
import threading
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from exeat import __version__
from exeat.admin import running_answers as answers
from exeat.admin.answering import reads
from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["status"])
MOST_DAYS = 366


@router.get("/settings", operation_id="get_settings", responses=reads(answers.SettingsShown))
def get_settings(request: Request) -> JSONResponse:
    """The settings by which this gateway was started, without its secrets, and the versions of what it is made of."""
    services: Services = request.app.state.services
    versions = {
        "exeat": __version__,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
    }
    return JSONResponse({"versions": versions, "items": [one._asdict() for one in services.running.settings()]})


@router.get("/doctor", operation_id="examine", responses=reads(answers.Findings, Code.OVERLOADED))
def examine(
    request: Request,
    days: Annotated[int, Query(ge=0, le=MOST_DAYS, description="How many days of records are verified.")] = 1,
) -> JSONResponse:
    """What `exeat doctor` finds: what would stop this gateway from working, and how to mend it."""
    services: Services = request.app.state.services
    turn: threading.Lock = request.app.state.examining
    if not turn.acquire(blocking=False):
        raise Refusal(Code.OVERLOADED, "The gateway is being examined already.", retry_after_s=1.0)
    try:
        return JSONResponse({"items": [one._asdict() for one in services.running.examine(days)]})
    finally:
        turn.release()
