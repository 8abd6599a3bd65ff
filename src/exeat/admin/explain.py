"""What would happen to one request of a consumer, phase by phase, without sending it."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from exeat.admin import answers
from exeat.admin.answering import asks
from exeat.admin.codes import Code
from exeat.admin.refusal import Fault, invalid
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Asked, QuestionError, Services

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["explain"])
Text = Annotated[str, Field(max_length=8192)]


class Question(BaseModel):
    """A request that nobody sends."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    consumer: str = Field(max_length=64, description="A consumer's name, or the SHA-256 of one of its keys.")
    method: str = Field(default="GET", pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$")
    target: Text = Field(description="A path as in `/github/user`, or a URL.")
    headers: dict[str, Text] = Field(default={}, max_length=100)
    address: str | None = Field(default=None, max_length=64, description="The caller's, for rules about networks.")
    resolve: bool = Field(default=False, description="Resolve the upstream's name, and judge its addresses.")


@router.post("/explain", operation_id="explain", responses=asks(answers.Explanation, Code.INVALID))
def explain(request: Request, question: Question) -> JSONResponse:
    """Say what would happen to a request by the configuration that is kept, and why; nothing is sent."""
    services: Services = request.app.state.services
    headers = tuple(f"{name}: {value}" for name, value in question.headers.items())
    asked = Asked(question.consumer, question.method, question.target, headers, question.address, question.resolve)
    try:
        return JSONResponse(services.explain(asked))
    except QuestionError as error:
        raise invalid(*(Fault(pointer, text) for pointer, text in error.faults)) from error
