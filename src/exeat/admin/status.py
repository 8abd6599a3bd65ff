"""How the gateway is, and what the codes of failures mean."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse

from exeat import __version__
from exeat.admin import answers
from exeat.admin.answering import reads
from exeat.admin.codes import MEANINGS, Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services
from exeat.admin.shown import render_time
from exeat.store.configuration.stored import read_revision

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["status"])


@router.get("/status", operation_id="get_status", responses=reads(answers.Status))
def get_status(request: Request) -> JSONResponse:
    """How the gateway is: the revision that is kept, and what the control process knows of the rest."""
    services: Services = request.app.state.services
    own = {"revision": read_revision(services.engine), "version": __version__, "time": render_time(services.now_us())}
    return JSONResponse({**services.status(), **own})


@router.get(
    "/errors/{code}",
    operation_id="get_error",
    responses={
        name: answer for name, answer in reads(answers.ErrorPage, Code.NOT_FOUND).items() if name not in {401, 403}
    },
)
def get_error(code: Annotated[str, Path(max_length=64, description="A failure's name.")]) -> JSONResponse:
    """What the code of a failure means: where the `type` of a problem leads."""
    if code not in {known.value for known in Code}:
        raise Refusal(Code.NOT_FOUND, f"There is no code '{code}'.")
    return JSONResponse({"code": code, **MEANINGS[Code(code)]._asdict()})
