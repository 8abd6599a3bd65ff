"""What the admin API refuses or fails at, and how that is answered: problem+json (RFC 9457), all problems at once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.responses import JSONResponse

from exeat.admin.codes import MEANINGS, Code
from exeat.model.key import mask

MEDIA_TYPE = "application/problem+json"
ERRORS = "/api/v1/errors/"


class Fault(NamedTuple):
    """One thing that is wrong: where in the body (a JSON pointer, RFC 6901), and what to do.

    `path` is the same place in the whole document, as `exeat check` prints it; `source` is where that was written.
    """

    pointer: str
    message: str
    path: str = ""
    source: str = ""


class Refusal(Exception):  # noqa: N818 - it is an answer, and most often nobody's error
    """The request isn't done; nothing was changed. `detail` is one sentence without secrets."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})


def invalid(*faults: Fault) -> Refusal:
    """The refusal of a body with these faults."""
    return Refusal(Code.INVALID, "; ".join(describe(fault) for fault in faults[:3]), faults=faults)


def describe(fault: Fault) -> str:
    """A fault in one line."""
    return ": ".join(part for part in (fault.path or fault.pointer, fault.message) if part)


def answer(refusal: Refusal, request_id: str) -> JSONResponse:
    """The answer that says what is wrong."""
    meaning = MEANINGS[refusal.code]
    body: dict[str, Any] = {
        "type": ERRORS + refusal.code,
        "title": meaning.title,
        "status": meaning.status,
        "detail": mask(refusal.detail),
        "code": refusal.code,
        "hint": meaning.hint,
        "request_id": request_id,
    }
    headers = {"Exeat-Error": refusal.code.value, **refusal.headers}
    if refusal.code is Code.INVALID:
        body["problems"] = [render_fault(fault) for fault in refusal.faults]
    if refusal.code in {Code.NOT_AUTHENTICATED, Code.LOG_IN_FAILED}:
        headers["WWW-Authenticate"] = 'Bearer realm="exeat"'
    if refusal.retry_after_s is not None:
        body["retry_after"] = headers["Retry-After"] = str(max(1, int(-(-refusal.retry_after_s // 1))))
        body["retry_after"] = int(body["retry_after"])
    return JSONResponse(body, meaning.status, headers, MEDIA_TYPE)


def render_fault(fault: Fault) -> dict[str, str]:
    """A fault as an answer has it."""
    return {name: mask(text) for name, text in fault._asdict().items()}
