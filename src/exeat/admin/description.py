"""How the admin API describes itself: the OpenAPI 3.1 document, made of its routes.

The objects of the document are described by the document's own schema.
"""

import re
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse

from exeat.admin import answers, running_answers
from exeat.admin.answering import Documented, fails
from exeat.admin.codes import Code
from exeat.admin.refusal import MEDIA_TYPE
from exeat.admin.roles import LEAST, PREFIX
from exeat.admin.route import PATCH, GuardedRoute
from exeat.config.schema import build_schema

ABOUT = (
    "Everything that Exeat is configured with, and what it has recorded. Every failure is `application/problem+json`"
    " with a `code`; every change takes `?dry_run=true`; what exists is changed only with its version in `If-Match`."
)
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "`exeat_admin_…`, made by POST /tokens."},
    "session": {"type": "apiKey", "in": "cookie", "name": "exeat_session", "description": "Set by POST /session."},
}
OPEN: Documented = {200: {"description": "This document."}, **fails(Code.MALFORMED_REQUEST, Code.INTERNAL)}
_OWN = "#/$defs/"
_SHARED = "#/components/schemas/"
_CODE = re.compile(r"`([a-z-]+)`: ")
_RENAMED = {"Key": "DocumentKey"}  # a key as the document writes it isn't one as the API shows it


def serve() -> APIRouter:
    """The route that answers with the document."""
    router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["status"])

    @router.get("/openapi.json", operation_id="get_openapi", responses=OPEN)
    def get_openapi_document(request: Request) -> JSONResponse:
        """What the API can do (OpenAPI 3.1)."""
        return JSONResponse(request.app.openapi())

    return router


def describe(app: FastAPI) -> None:
    """Have the application describe itself with this module's document, which is made once."""
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(_build(app))
        return made

    app.openapi = openapi  # type: ignore[method-assign] # as the framework's documentation has it


def _build(app: FastAPI) -> dict[str, Any]:
    document: dict[str, Any] = get_openapi(
        title=app.title, version="1", openapi_version="3.1.0", summary="Exeat's admin API", description=ABOUT,
        routes=app.routes,
    )  # fmt: skip
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = answers.Problem.model_json_schema(ref_template=_SHARED + "{model}")
    schemas["Problem"].pop("$defs", None)
    schemas["Tick"] = running_answers.Tick.model_json_schema(ref_template=_SHARED + "{model}")
    whole = _shared(build_schema())
    schemas.update({_RENAMED.get(name, name): schema for name, schema in whole.pop("$defs").items()})
    schemas["DestinationWanted"] = {**schemas["Destination"], "required": []}  # its host is in the path already
    schemas["Document"] = {name: value for name, value in whole.items() if name not in {"$schema", "examples"}}
    document["components"]["securitySchemes"] = SECURITY
    failures: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _finish(operation, LEAST[path.removeprefix(PREFIX)][method.upper()] is None)
            if method == "patch":
                operation["requestBody"]["content"] = dict.fromkeys(PATCH, _only(operation["requestBody"]["content"]))
            _share_failures(operation["responses"], failures)
    document["components"]["responses"] = dict(sorted(failures.items()))
    return document


def _share_failures(responses: dict[str, Any], failures: dict[str, Any]) -> None:
    """Write each failure once, named by its codes: most routes fail in the same ways."""
    for status, response in responses.items():
        if MEDIA_TYPE in response.get("content", {}):
            name = "Or".join(code.title().replace("-", "") for code in _CODE.findall(response["description"]))
            failures[name] = response
            responses[status] = {"$ref": f"#/components/responses/{name}"}


def _finish(operation: dict[str, Any], is_open: bool) -> None:  # noqa: FBT001 - said by the one who calls
    operation["security"] = [] if is_open else [{"token": []}, {"session": []}]
    of_framework = operation["responses"].get("422", {})
    if MEDIA_TYPE not in of_framework.get("content", {}):
        operation["responses"].pop("422", None)
    else:
        of_framework["content"].pop("application/json", None)


def _only(content: dict[str, Any]) -> Any:
    """What a body is, which the routes say once."""
    [described] = content.values()
    return described


def _shared(node: Any) -> Any:
    """A schema whose references, those of discriminators included, lead to the components."""
    if isinstance(node, list):
        return [_shared(item) for item in node]
    if isinstance(node, dict):
        return {name: _shared(item) for name, item in node.items()}
    return _leading(node) if isinstance(node, str) and node.startswith(_OWN) else node


def _leading(reference: str) -> str:
    name = reference.removeprefix(_OWN)
    return _SHARED + _RENAMED.get(name, name)
