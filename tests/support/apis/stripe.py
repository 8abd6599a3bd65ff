"""A stand-in for Stripe that takes requests as its public OpenAPI describes them, and refuses what isn't described.

Bodies are forms whose nested members are written with brackets; every parameter has to be known and of its type. A
`Stripe-Version` must be a version, an `Idempotency-Key` stands for one request, lists come in pages, and files have a
host of their own.
"""

import base64
import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.support.apis.answers import Reply, Request
from tests.support.apis.forms import parts_of

VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")  # with the name of a release since 2024-09-30
_PLACE = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")

# What an operation takes: a parameter's type, or those of its members. `map` has members of any name.
Schema = Mapping[str, "str | Schema"]
_PAGE: Schema = {"limit": "integer", "starting_after": "string", "ending_before": "string", "expand": "array"}
_ADDRESS: Schema = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), "string")
_CUSTOMER: Schema = {
    "address": _ADDRESS,
    "balance": "integer",
    "description": "string",
    "email": "string",
    "expand": "array",
    "metadata": "map",
    "name": "string",
    "phone": "string",
    "preferred_locales": "array",
}
_INTENT: Schema = {
    "amount": "integer",
    "automatic_payment_methods": {"enabled": "boolean", "allow_redirects": "string"},
    "currency": "string",
    "customer": "string",
    "description": "string",
    "expand": "array",
    "metadata": "map",
    "payment_method_types": "array",
}
_CHARGE: Schema = {"amount": "integer", "currency": "string", "description": "string", "metadata": "map"}
_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None,
    "boolean": lambda value: value in {"true", "false"},
    "array": lambda value: isinstance(value, dict) and all(name.isdecimal() for name in value),
    "map": lambda value: isinstance(value, dict),
}


class RefusedError(Exception):
    """What the API answers with an error."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"error": {"message": message, "type": "invalid_request_error", **more}})


class Stripe:
    """One account: `api` answers for api.stripe.com, `files` for files.stripe.com."""

    def __init__(self, secret: str) -> None:
        basic = base64.b64encode(f"{secret}:".encode()).decode()
        self._allowed = {f"Bearer {secret}", f"Basic {basic}"}
        self._numbers = count(1)
        self._customers: dict[str, dict[str, Any]] = {}
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._answers: dict[str, tuple[Request, Reply]] = {}

    def api(self, request: Request) -> Reply:
        """Answer as api.stripe.com."""
        return self._answered(request, self._route)

    def files(self, request: Request) -> Reply:
        """Answer as files.stripe.com."""
        return self._answered(request, self._route_file)

    def _answered(self, request: Request, route: Callable[[Request], Reply]) -> Reply:
        try:
            if request.fields.get("authorization") not in self._allowed:
                raise RefusedError(401, "Invalid API Key provided: sk_test_***", code="api_key_invalid")  # noqa: TRY301
            _check_version(request)
            reply = self._once(request, route)
        except RefusedError as refused:
            reply = refused.reply
        number = f"req_{next(self._numbers)}"
        return Reply(reply.status, reply.data, {"Request-Id": number, **reply.fields})

    def _once(self, request: Request, route: Callable[[Request], Reply]) -> Reply:
        """A second request with the same key gets the answer of the first, if it is the same request."""
        key = request.fields.get("idempotency-key")
        if request.method != "POST" or key is None:
            return route(request)
        if key in self._answers:
            before, reply = self._answers[key]
            if (before.path, before.body) != (request.path, request.body):
                text = "A key for idempotent requests can only be used with the parameters of its first request."
                raise RefusedError(400, text, type="idempotency_error")
            return Reply(reply.status, reply.data, {**reply.fields, "Idempotent-Replayed": "true"})
        self._answers[key] = request, route(request)
        return self._answers[key][1]

    def _route(self, request: Request) -> Reply:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "balance"]:
                asked(request, {"expand": "array"})
                amount = {"amount": 4200, "currency": "usd", "source_types": {"card": 4200}}
                return Reply(200, {"object": "balance", "available": [amount], "pending": [], "livemode": False})
            case "POST", ["v1", "payment_intents"]:
                form = posted(request, _INTENT, "amount", "currency")
                return Reply(200, self._made("payment_intent", "pi", form, status="requires_payment_method"))
            case "POST", ["v1", "charges"]:
                form = posted(request, _CHARGE, "amount", "currency")
                if form["amount"] == "402":
                    text = "Your card was declined."
                    raise RefusedError(
                        402, text, type="card_error", code="card_declined", decline_code="generic_decline"
                    )
                return Reply(200, self._made("charge", "ch", form, status="succeeded"))
            case method, ["v1", "customers", *rest]:
                return self._route_customer(method, rest, request)
            case "GET", ["v1", "files", name] if name in self._files:
                return Reply(200, self._files[name][0])
            case method, _:
                raise RefusedError(404, f"Unrecognized request URL ({method}: {request.path}).")

    def _route_customer(self, method: str, rest: list[str], request: Request) -> Reply:
        match method, rest:
            case "POST", []:
                made = self._made("customer", "cus", posted(request, _CUSTOMER))
                self._customers[made["id"]] = made
                return Reply(200, made)
            case "GET", []:
                return Reply(200, _page(self._customers, asked(request, {**_PAGE, "email": "string"})))
            case "GET", [name] if name in self._customers:
                asked(request, {"expand": "array"})
                return Reply(200, self._customers[name])
            case "POST", [name] if name in self._customers:
                self._customers[name] |= _typed(posted(request, _CUSTOMER))
                return Reply(200, self._customers[name])
            case "DELETE", [name] if name in self._customers:
                del self._customers[name]
                return Reply(200, {"id": name, "object": "customer", "deleted": True})
        raise RefusedError(404, f"No such customer: '{'/'.join(rest)}'", code="resource_missing", param="id")

    def _made(self, kind: str, prefix: str, form: Mapping[str, Any], **more: str) -> dict[str, Any]:
        made = {"id": f"{prefix}_{next(self._numbers)}", "object": kind, "created": 1, "livemode": False}
        return {**made, "metadata": {}, **_typed(form), **more}

    def _route_file(self, request: Request) -> Reply:
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["v1", "files"]:
                parts = parts_of(request)
                if missing := {"file", "purpose"} - parts.keys():
                    raise RefusedError(400, f"Missing required param: {min(missing)}.", param=min(missing))
                name, content = parts["file"].filename, parts["file"].content
                made = self._made("file", "file", {"filename": name, "size": len(content)})
                made["purpose"] = parts["purpose"].content.decode()
                self._files[made["id"]] = made, content
                return Reply(200, made)
            case "GET", ["v1", "files", name, "contents"] if name in self._files:
                return Reply(200, self._files[name][1], {"Content-Type": "application/octet-stream"})
            case method, _:
                raise RefusedError(404, f"Unrecognized request URL ({method}: {request.path}).")


def _check_version(request: Request) -> None:
    version = request.fields.get("stripe-version")
    if version is not None and not VERSION.fullmatch(version):
        raise RefusedError(400, f"Invalid Stripe API version: {version}")


def posted(request: Request, schema: Schema, *required: str) -> dict[str, Any]:
    """The members of a form; RefusedError if they aren't as the operation takes them."""
    kind = request.fields.get("content-type", "")
    if request.body and kind != "application/x-www-form-urlencoded":
        raise RefusedError(400, f"Invalid content type: {kind}")
    pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(request.body))
    return _checked(_nested(pairs), schema, required)


def asked(request: Request, schema: Schema) -> dict[str, Any]:
    """The members of a query; RefusedError if they aren't as the operation takes them."""
    return _checked(_nested([(name, values[-1]) for name, values in request.query.items()]), schema, ())


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Members as their brackets nest them: `items[0][price]` is in `items`, in `0`."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        found = _PLACE.fullmatch(name)
        if found is None:
            raise RefusedError(400, f"Invalid parameter: {name}")
        path = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        place = members
        for step in path[:-1]:
            place = place.setdefault(unquote(step), {})
        place[path[-1]] = value
    return members


def _checked(members: dict[str, Any], schema: Schema, required: tuple[str, ...], within: str = "") -> dict[str, Any]:
    for name in required:
        if name not in members:
            raise RefusedError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
    for name, value in members.items():
        place = f"{within}[{name}]" if within else name
        kind = schema.get(name)
        if kind is None:
            raise RefusedError(400, f"Received unknown parameter: {place}", code="parameter_unknown", param=place)
        if not isinstance(kind, str) and isinstance(value, dict):
            _checked(value, kind, (), place)
        elif not isinstance(kind, str) or not _CHECKS[kind](value):
            raise RefusedError(400, f"Invalid {kind}: {value}", code="parameter_invalid", param=place)
    return members


def _typed(form: Mapping[str, Any]) -> dict[str, Any]:
    """Members of a form as they stand in an object."""
    return {name: int(value) if name in {"amount", "balance"} else value for name, value in form.items()}


def _page(objects: Mapping[str, dict[str, Any]], query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a list, newest first."""
    names = sorted(objects, key=list(objects).index, reverse=True)
    after = query.get("starting_after")
    if after is not None:
        if after not in objects:
            raise RefusedError(400, f"No such object: '{after}'", param="starting_after")
        names = names[names.index(after) + 1 :]
    limit = int(query.get("limit", 10))
    data = [objects[name] for name in names[:limit]]
    return {"object": "list", "url": "/v1/customers", "has_more": len(names) > limit, "data": data}
