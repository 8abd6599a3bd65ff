"""What operators were told of: limits that are nearly used up, endpoints that rest, and what was done by hand."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from exeat.admin import running_answers as answers
from exeat.admin.answering import reads
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["status"])


@router.get("/events", operation_id="list_events", responses=reads(answers.EventsTold))
def list_events(
    request: Request, limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100
) -> JSONResponse:
    """The newest events of this gateway, as its log has them and webhooks get them; newest first."""
    services: Services = request.app.state.services
    return JSONResponse({"items": list(services.running.events())[:limit]})
