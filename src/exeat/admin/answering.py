"""What each route says of its answers in the OpenAPI document."""

from typing import Any

from pydantic import BaseModel

from exeat.admin import answers
from exeat.admin.codes import MEANINGS, Code
from exeat.admin.refusal import MEDIA_TYPE
from exeat.admin.versions import ETAG

Documented = dict[int | str, dict[str, Any]]
_EVERY = (Code.MALFORMED_REQUEST, Code.NOT_AUTHENTICATED, Code.ROLE_TOO_LOW, Code.INTERNAL, Code.DATABASE_UNAVAILABLE)
_CHANGE = (
    Code.ORIGIN_REFUSED, Code.CONFLICT, Code.READ_ONLY, Code.BODY_TOO_LARGE, Code.MEDIA_TYPE, Code.INVALID,
    Code.AUDIT_UNAVAILABLE, Code.OVERLOADED,
)  # fmt: skip
_VERSIONED = (Code.NOT_FOUND, Code.STALE, Code.VERSION_MISSING)


def reads(model: type[BaseModel], *more: Code, tagged: bool = False) -> Documented:
    """The answers of a route that reads."""
    return {200: _good(model, tagged=tagged), **fails(*_EVERY, *more)}


def changes(model: type[BaseModel] | None, *more: Code, status: int = 200, versioned: bool = True) -> Documented:
    """The answers of a route that changes something."""
    codes = (*_EVERY, *_CHANGE, *more, *(_VERSIONED if versioned else ()))
    preview = _good(answers.Preview)
    if model is None:
        return {
            204: {"description": "Done."},
            200: {**preview, "description": "What it would change."},
            **fails(*codes),
        }
    if status == 200:  # noqa: PLR2004
        both = {"description": "Done, or what it would change.", "model": model | answers.Preview}
        return {200: {**_good(model, tagged=versioned), **both}, **fails(*codes)}
    return {status: _good(model, tagged=versioned), 200: preview, **fails(*codes)}


def asks(model: type[BaseModel], *more: Code) -> Documented:
    """The answers of a route that is asked something in a body, and changes nothing."""
    return {200: _good(model), **fails(*_EVERY, Code.BODY_TOO_LARGE, Code.MEDIA_TYPE, *more)}


def makes(model: type[BaseModel], *more: Code) -> Documented:
    """The answers of a route that makes something which is no part of the configuration."""
    return {201: _good(model), **fails(*_EVERY, Code.BODY_TOO_LARGE, Code.MEDIA_TYPE, *more)}


def does(model: type[BaseModel], *more: Code) -> Documented:
    """The answers of a route that does something which is no change of the configuration."""
    return {200: _good(model), **fails(*_EVERY, Code.ORIGIN_REFUSED, *more)}


def ends(*more: Code) -> Documented:
    """The answers of a route that ends such a thing."""
    return {204: {"description": "Done."}, **fails(*_EVERY, *more)}


def _good(model: Any, *, tagged: bool = False) -> dict[str, Any]:
    description = (model.__doc__ or "").partition("\n")[0]
    return {"model": model, "description": description, **({"headers": ETAG} if tagged else {})}


def fails(*codes: Code) -> Documented:
    """Failures by status; one may have several codes."""
    found: Documented = {}
    for code in dict.fromkeys(codes):
        meaning = MEANINGS[code]
        entry = found.setdefault(meaning.status, {"description": "", "content": {MEDIA_TYPE: {"schema": PROBLEM}}})
        entry["description"] = "; ".join(part for part in (entry["description"], f"`{code}`: {meaning.title}") if part)
    return found


PROBLEM = {"$ref": "#/components/schemas/Problem"}
