"""Reading the audit trail: records, newest first, and what was used."""

import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from exeat.admin import answers
from exeat.admin.answering import reads
from exeat.admin.codes import Code
from exeat.admin.paging import Paged
from exeat.admin.refusal import Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services
from exeat.admin.shown import render_time
from exeat.config.grammar import parse_time
from exeat.store.cursor import parse_cursor
from exeat.store.failure import StoreError
from exeat.store.rollup import LABELS, Granularity
from exeat.store.search import FIELDS, conditions, search
from exeat.store.search import Query as Search
from exeat.store.usage import Usage, usage

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["audit"])
LARGEST = 2**63
DAY_US = 86_400_000_000
_AGO = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": DAY_US, "w": 7 * DAY_US}
# What is said of parameters here is for the OpenAPI document: a refusal of this module says more than the framework's.
_TIME = {"pattern": r"^([0-9]{1,6}[smhdw]|[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?)$"}
STATUS = {"pattern": "^([0-9]{3}|[0-5]xx|failed)$"}
STATUS_WORDS = "`404`, a class such as `5xx`, or `failed`: with an error's code, or 400 and above."
STEPS: dict[str, Granularity | None] = {"auto": None, **{step.name.lower(): step for step in Granularity}}
Since = Annotated[
    str | None,
    Query(max_length=40, description="From then on: RFC 3339, or `15m`, `6h`, `30d` ago.", json_schema_extra=_TIME),
]
Until = Annotated[str | None, Query(max_length=40, description="Up to then, as `since`.", json_schema_extra=_TIME)]
Pair = Annotated[str, Field(json_schema_extra={"pattern": "^[a-z_]+="})]
Where = Annotated[
    list[Pair] | None,
    Query(
        description="`FIELD=VALUE`, matched exactly, or `FIELD=` for none; may be there several times.",
        max_length=20,
    ),
]
Label = Annotated[str, Field(json_schema_extra={"enum": [*LABELS]})]


@router.get("/records", operation_id="list_records", responses=reads(answers.Records))
def list_records(
    request: Request,
    page: Paged,
    where: Where = None,
    status: Annotated[str | None, Query(max_length=6, description=STATUS_WORDS, json_schema_extra=STATUS)] = None,
    since: Since = None,
    until: Until = None,
    text: Annotated[str | None, Query(max_length=200, description="Part of the path, in any case.")] = None,
) -> Response:
    """Records of exchanges and of changes, newest first. Pages stay what they are while more arrives."""
    services: Services = request.app.state.services
    query = parse_search(
        where=where,
        status=status,
        since=parse_when(since, services.now_us()),
        until=parse_when(until, services.now_us()),
        text=text,
    )
    try:
        is_cursor = page.after is None or 0 <= parse_cursor(page.after)[0] < LARGEST
    except StoreError as error:
        raise Refusal(Code.MALFORMED_REQUEST, str(error)) from error
    if not is_cursor:
        raise Refusal(Code.MALFORMED_REQUEST, "The cursor isn't one that a search gave.")
    found = search(services.engine, query, cursor=page.after, limit=page.limit)
    items = b",".join(record.body for record in found.records)
    return Response(
        b'{"items":[' + items + b'],"next":' + orjson.dumps(found.cursor) + b"}", media_type="application/json"
    )


def parse_search(
    *,
    where: list[str] | None = None,
    status: str | None = None,
    since: int | None = None,
    until: int | None = None,
    text: str | None = None,
) -> Search:
    """What to find; a Refusal where that can't be."""
    query = Search(fields=_fields(where, FIELDS), status=status, since=since, until=until, text=text)
    try:
        conditions(query)
    except StoreError as error:
        raise Refusal(Code.MALFORMED_REQUEST, str(error)) from error
    return query


@router.get(
    "/records/{id}",
    operation_id="get_record",
    responses={**reads(answers.Records, Code.NOT_FOUND), 200: {"description": "The record, as it was written."}},
)
def get_record(
    request: Request,
    id: Annotated[str, Path(max_length=200, description="The record's id.")],  # noqa: A002 - the name in the path
) -> Response:
    """One record."""
    services: Services = request.app.state.services
    for record in search(services.engine, Search(fields={"id": id}), limit=1).records:
        return Response(record.body, media_type="application/json")
    raise Refusal(Code.NOT_FOUND, f"There is no record '{id}'.")


@router.get("/usage", operation_id="get_usage", responses=reads(answers.Usage))
def get_usage(
    request: Request,
    since: Since = None,
    until: Until = None,
    by: Annotated[
        list[Label] | None, Query(max_length=len(LABELS), description=f"What it is counted by: {', '.join(LABELS)}.")
    ] = None,
    where: Where = None,
    step: Annotated[
        str | None,
        Query(
            description="`minute`, `hour`, `day`, or `auto`; the whole without it.",
            json_schema_extra={"enum": [*STEPS, None]},
        ),
    ] = None,
) -> JSONResponse:
    """What was used in a range of time, the last day unless told otherwise: most requests first, or in steps."""
    services: Services = request.app.state.services
    now = services.now_us()
    end = parse_when(until, now) or now
    begin = parse_when(since, now) or end - DAY_US
    if begin >= end:
        raise Refusal(Code.MALFORMED_REQUEST, "The range ends before it begins: `since` has to be before `until`.")
    if step is not None and step not in STEPS:
        raise Refusal(Code.MALFORMED_REQUEST, f"'{step[:40]}' is no step; there are {', '.join(STEPS)}.")
    wanted: dict[str, Any] = {"steps": step is not None, "step": None if step is None else STEPS[step]}
    labels = _labels(by)
    found = usage(services.engine, since=begin, until=end, by=labels, where=_values(where), **wanted)
    items = [_show_usage(entry, labels) for entry in found]
    return JSONResponse({"since": render_time(begin), "until": render_time(end), "items": items})


def _labels(by: list[str] | None) -> list[str]:
    for name in by or ():
        if name not in LABELS:
            raise Refusal(
                Code.MALFORMED_REQUEST, f"Usage isn't counted by '{name[:40]}'; it is by {', '.join(LABELS)}."
            )
    return list(dict.fromkeys(by or ()))


def _values(where: list[str] | None) -> dict[str, str | int]:
    """Labels with what they have to be: the class of a status is a number."""
    values: dict[str, str | int] = {**_fields(where, LABELS)}
    if "status_class" in values:
        text = str(values["status_class"])
        if text not in set("012345"):
            raise Refusal(Code.MALFORMED_REQUEST, "`status_class` is one digit, such as 4 for 4xx.")
        values["status_class"] = int(text)
    return values


def _show_usage(entry: Usage, by: list[str]) -> dict[str, Any]:
    return {
        "labels": dict(zip(by, entry.labels, strict=True)),
        "start": render_time(entry.start),
        "requests": entry.requests,
        "errors": entry.errors,
        "bytes_in": entry.bytes_in,
        "bytes_out": entry.bytes_out,
        "attempts": entry.attempts,
        "costs": {currency: f"{amount:f}" for currency, amount in entry.costs.items()},
        "p50_ms": _milliseconds(entry.p50),
        "p95_ms": _milliseconds(entry.p95),
        "p99_ms": _milliseconds(entry.p99),
    }


def _milliseconds(duration_us: float | None) -> float | None:
    return None if duration_us is None else round(duration_us / 1000, 3)


def _fields(where: list[str] | None, known: tuple[str, ...]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for written in where or ():
        name, is_there, value = written.partition("=")
        if not is_there or name not in known:
            raise Refusal(Code.MALFORMED_REQUEST, f"`where` is FIELD=VALUE, with a field of: {', '.join(known)}.")
        if name in fields:
            raise Refusal(Code.MALFORMED_REQUEST, f"`where` has {name} twice, and one thing can't be both.")
        fields[name] = value
    return fields


def parse_when(text: str | None, now_us: int) -> int | None:
    """A time, or how long ago (µs since 1970); a Refusal if it is neither."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    try:
        return now_us - int(ago[1]) * _UNITS_US[ago[2]] if ago else int(parse_time(text) * 1_000_000)
    except (ValueError, OverflowError):
        message = f"'{text}' is no time; write 15m, 6h or 30d (ago), or 2026-05-01T12:00:00Z."
        raise Refusal(Code.MALFORMED_REQUEST, message) from None
