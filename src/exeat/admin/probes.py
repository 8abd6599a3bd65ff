"""Probes of the control listener, for whoever starts and stops processes: `/livez` and `/readyz`, asked by anybody.

They answer as `/-/live` and `/-/ready` of the gateway's own listeners do, of all its workers together.
"""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from exeat.admin.services import Services

router = APIRouter(include_in_schema=False)


@router.api_route("/livez", methods=["GET", "HEAD"])
def get_live() -> PlainTextResponse:
    """Whether this process answers."""
    return PlainTextResponse("live\n")


@router.api_route("/readyz", methods=["GET", "HEAD"])
def get_ready(request: Request) -> PlainTextResponse:
    """Whether the gateway takes new calls: 200, or 503 and why not."""
    services: Services = request.app.state.services
    obstacle = _obstacle(services.status())
    return PlainTextResponse("ready\n") if obstacle is None else PlainTextResponse(f"{obstacle}\n", 503)


def _obstacle(state: Mapping[str, object]) -> str | None:
    """Why no new call is taken; None where one is."""
    workers = state.get("workers")
    if state.get("leaving"):
        return "draining: this instance finishes what it has begun"
    if not isinstance(workers, list) or not workers:
        return "no worker serves"
    if not any(worker["ready"] for worker in workers):
        return "no worker takes new calls"
    return None
