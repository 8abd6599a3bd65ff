"""One call to an upstream, to see that it answers and takes the credential."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from exeat.admin import running_answers as answers
from exeat.admin.answering import asks
from exeat.admin.caller import Caller
from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.running import NotRunningError
from exeat.admin.services import QuestionError, Services

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["upstreams"])
_CODES = (Code.NOT_FOUND, Code.CONFLICT, Code.INVALID, Code.AUDIT_UNAVAILABLE)


class TestWanted(BaseModel):
    """Which path to call."""

    __test__ = False  # it is no test of pytest's
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    path: Annotated[
        str | None,
        Field(
            max_length=2000,
            pattern=r"^/[!-~]*$",
            description="Below the upstream's URL, for a GET; without it, what its preset is verified by, or `/`.",
        ),
    ] = None


@router.post("/upstreams/{name}/test", operation_id="test_upstream", responses=asks(answers.UpstreamTested, *_CODES))
def test_upstream(
    request: Request,
    name: Annotated[str, Path(max_length=260, description="The upstream's name.")],
    wanted: TestWanted,
) -> JSONResponse:
    """Call an upstream once, with its credential and by the gateway's own rules of addresses and TLS.

    What it answers is shown by its status alone. It is recorded as something that an administrator has done.
    """
    services: Services = request.app.state.services
    caller: Caller = request.state.caller
    try:
        tested = services.running.test(name, wanted.path)
    except (QuestionError, NotRunningError) as error:
        raise Refusal(Code.CONFLICT, f"{str(error).rstrip('.')}.") from error
    if tested is None:
        raise Refusal(Code.NOT_FOUND, f"There is no upstream '{name}'.")
    said = {"method": tested.method, "path": tested.path, "status": tested.status, "accepted": tested.accepted}
    if not services.audit(caller.actor, "test", f"upstream/{name}", None, said):
        raise Refusal(Code.AUDIT_UNAVAILABLE, "The call was made, but it couldn't be recorded.")
    return JSONResponse({"upstream": name, **tested._asdict()})
