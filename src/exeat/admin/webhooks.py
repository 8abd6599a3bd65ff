"""A message to a webhook, to see that it arrives."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse

from exeat.admin import answers
from exeat.admin.answering import does
from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import QuestionError, Services

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["webhooks"])
Name = Annotated[str, Path(max_length=64, description="The webhook's name.")]


@router.post(
    "/webhooks/{name}/test", operation_id="test_webhook", responses=does(answers.Told, Code.NOT_FOUND, Code.CONFLICT)
)
def test_webhook(request: Request, name: Name) -> JSONResponse:
    """Send a signed message of the type `webhook.test`, once, and say what became of it."""
    services: Services = request.app.state.services
    try:
        told = services.test_webhook(name)
    except QuestionError as error:
        raise Refusal(Code.CONFLICT, f"{str(error).capitalize()}.") from error
    if told is None:
        raise Refusal(Code.NOT_FOUND, f"There is no webhook '{name}'.")
    return JSONResponse(told._asdict())
