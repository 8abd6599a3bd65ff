"""Following a gateway as it happens: its records and how much it has to do, as server-sent events.

Rule 1: what is sent needs the same log-in as GET /records, for as long as it is sent: it is looked at again and again.
"""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from exeat.admin import running_answers as answers
from exeat.admin.answering import Documented, reads
from exeat.admin.caller import Caller, find_caller
from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.running import Following, NotRunningError
from exeat.admin.services import Services
from exeat.admin.trail import STATUS, STATUS_WORDS, Where, parse_search

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["audit"])
LOOK_S = 5.0
AGAIN_MS = 2000
EVENTS = (
    "`record`: a record as GET /records has it, once it is in the database. `tick`: every second, see the schema Tick."
    " `end`: nothing more comes, and why."
)
EVENT = {
    "title": "Event",
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["record", "tick", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}


class EventStream(StreamingResponse):
    """Server-sent events (HTML Living Standard, 9.2) of what somebody follows."""

    media_type = "text/event-stream"

    def __init__(self, request: Request, following: Following) -> None:
        super().__init__(_send(request, following), headers={"X-Accel-Buffering": "no"})
        self._following = following

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until there is nothing more, or nobody who takes it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._following.end()


def _documented() -> Documented:
    found: dict[int | str, dict[str, Any]] = {**reads(answers.Tick, Code.CONFLICT, Code.OVERLOADED)}
    found[200] = {"description": EVENTS, "content": {"text/event-stream": {"schema": EVENT}}}
    return found


@router.get("/live", operation_id="follow", status_code=200, response_class=EventStream, responses=_documented())
async def follow(
    request: Request,
    where: Where = None,
    status: Annotated[str | None, Query(max_length=6, description=STATUS_WORDS, json_schema_extra=STATUS)] = None,
    text: Annotated[str | None, Query(max_length=200, description="Part of the path, in any case.")] = None,
) -> EventStream:
    """Records of this gateway as they are kept, and how much it has to do, until whoever asks goes away.

    More than 200 records in a second aren't sent; how many those were is `skipped` of the next tick.
    """
    services: Services = request.app.state.services
    try:
        following = services.running.follow(parse_search(where=where, status=status, text=text))
    except NotRunningError as error:
        raise Refusal(Code.CONFLICT, str(error)) from error
    if following is None:
        raise Refusal(Code.OVERLOADED, "Too many follow this gateway already.", retry_after_s=5.0)
    return EventStream(request, following)


async def _send(request: Request, following: Following) -> AsyncIterator[bytes]:
    looked_at = time.monotonic()
    reason = "this gateway ends"
    yield b"retry: %d\n\n" % AGAIN_MS
    async for event, data in following:
        now = time.monotonic()
        if now - looked_at >= LOOK_S or _has_ended(request):
            looked_at = now
            if (said := await run_in_threadpool(_refuses, request)) is not None:
                reason = said
                break
        yield render_event(event, data)
    yield render_event("end", orjson.dumps({"reason": reason}))


def render_event(event: str, data: bytes) -> bytes:
    """One event; JSON can have no line break but between its parts."""
    line = data.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"event: %b\ndata: %b\n\n" % (event.encode(), line)


def _has_ended(request: Request) -> bool:
    caller: Caller = request.state.caller
    services: Services = request.app.state.services
    return caller.ends_at is not None and caller.ends_at <= services.now_us()


def _refuses(request: Request) -> str | None:
    """Why who follows may not any more; None if they may."""
    if request.app.state.acting_as is not None:
        return None
    try:
        find_caller(request.app.state.services, request)
    except Refusal as error:
        return error.detail
    return None
