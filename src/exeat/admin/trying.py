"""Trying a call: it is sent to this gateway with a key, as that key's consumer would send it, or only explained.

Rule 1: the key is in no record, log or answer of this API; the call itself is recorded as any call is.
"""

import hashlib
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from exeat.admin import running_answers as answers
from exeat.admin.answering import asks
from exeat.admin.codes import Code
from exeat.admin.refusal import Fault, Refusal, invalid
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.running import Came, NotRunningError
from exeat.admin.services import Asked, QuestionError, Services
from exeat.model.secret import Secret

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["explain"])


class Trial(BaseModel):
    """A call, and the key with which it is made."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key: Annotated[SecretStr, Field(min_length=1, max_length=200, description="A consumer's key; it isn't kept.")]
    call: dict[str, Any] = Field(description="As the envelope of `POST /-/call` on the gateway.")
    explain: bool = Field(default=False, strict=True, description="Only say what would happen to it, and send nothing.")


@router.post("/call", operation_id="call", responses=asks(answers.Called, Code.INVALID, Code.CONFLICT))
async def call(request: Request, trial: Trial) -> JSONResponse:
    """Send a call through the gateway, with a key, and answer what it answers."""
    services: Services = request.app.state.services
    key = Secret(trial.key.get_secret_value())
    if not all("!" <= sign <= "~" for sign in key.reveal()):
        raise invalid(Fault("/key", "has signs that no key has"))
    if trial.explain:
        explanation = await run_in_threadpool(_explain, services, key, trial.call)
        nothing: dict[str, Any] = {"status": None, "headers": {}, "answer": None, "duration_ms": None}
        return JSONResponse({**nothing, "explanation": explanation})
    try:
        came = await services.running.call(key, orjson.dumps(trial.call))
    except NotRunningError as error:
        raise Refusal(Code.CONFLICT, str(error)) from error
    return JSONResponse(
        {
            "status": came.status,
            "headers": dict(came.headers),
            "answer": _parse(came),
            "explanation": None,
            "duration_ms": came.duration_ms,
        }
    )


def _parse(came: Came) -> Any:
    try:
        return orjson.loads(came.body)
    except orjson.JSONDecodeError:
        return None


def _explain(services: Services, key: Secret, envelope: dict[str, Any]) -> Any:
    """What would happen to the call of an envelope."""
    digest = hashlib.sha256(key.octets).hexdigest()
    headers = envelope.get("headers")
    lines = tuple(f"{name}: {value}" for name, value in headers.items()) if isinstance(headers, dict) else ()
    asked = Asked(digest, str(envelope.get("method", "GET")), _target(envelope), lines)
    try:
        return services.explain(asked)
    except QuestionError as error:
        pointers = {"/consumer": "/key", "/target": "/call", "/method": "/call/method", "/headers": "/call/headers"}
        raise invalid(*(Fault(pointers.get(pointer, "/call"), text) for pointer, text in error.faults)) from error


def _target(envelope: dict[str, Any]) -> str:
    url, upstream, path = envelope.get("url"), envelope.get("upstream"), str(envelope.get("path", "/"))
    query = envelope.get("query")
    target = str(url) if url is not None else f"/{upstream}{path if path.startswith('/') else '/' + path}"
    if not isinstance(query, dict) or not query:
        return target
    return target + ("&" if "?" in target else "?") + urlencode(query, doseq=True)
