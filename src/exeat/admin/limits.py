"""Every limit that is in force, how it stands, and budgets that are raised for a time."""

from collections.abc import Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from exeat.admin import answers as object_answers
from exeat.admin import running_answers as answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.objects import answer_object, refuse_outside
from exeat.admin.pointers import Focus
from exeat.admin.refusal import Fault, Refusal, invalid
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.running import Left
from exeat.admin.services import QuestionError, Services
from exeat.admin.shown import render_time
from exeat.admin.writing import Write
from exeat.model.limit import NANOS, SECOND_NS, Kind, Limit, Scope
from exeat.policy import calendar
from exeat.store.configuration.objects import get_object

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["limits"])
NS_PER_US = 1_000
WRITTEN_IN = {Scope.CONSUMER: "consumer", Scope.UPSTREAM: "upstream"}


class Raise(BaseModel):
    """A budget that is higher until a time."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(max_length=400, description="The limit's id.")]
    budget: Annotated[
        str | None, Field(max_length=64, description="The amount until then, as in `300 USD`; null takes it back.")
    ]
    until: Annotated[str | None, Field(max_length=64, description="When it ends: RFC 3339.")] = None


@router.get("/limits", operation_id="list_limits", responses=reads(answers.Limits, Code.CONFLICT))
def list_limits(request: Request) -> JSONResponse:
    """Every limit of the configuration, and how it stands: exactly, where it is one count for all."""
    services: Services = request.app.state.services
    limits = _list(services)
    left = services.running.left(limits)
    now_us = services.now_us()
    return JSONResponse({"items": [_show(limit, left.get(limit.id), now_us) for limit in limits]})


@router.post(
    "/limits/increase",
    operation_id="increase_limit",
    responses=changes(object_answers.Object, Code.STALE, versioned=False),
)
def increase_limit(write: Write, wanted: Raise) -> JSONResponse:
    """Raise a budget until a time, after which it is what it was; what was spent counts on."""
    listed = _list(write.services)
    limit = next((one for one in listed if one.id == wanted.id), None)
    if limit is None:
        raise invalid(Fault("/id", "isn't the id of a limit that is in force; GET /limits has them"))
    if limit.kind is not Kind.BUDGET:
        raise invalid(Fault("/id", f"is a {limit.kind}; only a budget is raised for a time"))
    if wanted.budget is not None and wanted.until is None:
        raise invalid(Fault("/until", "is missing: write when it ends"))
    focus = _focus_of(limit)
    refuse_outside(write.services, focus)
    place = [one.id for one in listed if (one.scope, one.owner) == (limit.scope, limit.owner)].index(limit.id)
    with write.edit(focus) as edit:
        present = get_object(write.services.engine, focus.kind, focus.name)
        entry = None if present is None else _find(present.data, place)
        if present is None or entry is None or limit.currency not in str(entry.get("budget")):
            raise Refusal(Code.CONFLICT, "What is written isn't in force yet: look again in a moment.")
        write.versions.judge_if_based(present.revision, f"{focus.kind} '{focus.name}'")
        entry.pop("increase", None)
        if wanted.budget is not None:
            entry["increase"] = {"budget": wanted.budget, "until": wanted.until}
        edit.put(focus.kind, focus.name, present.data)
    return answer_object(write, focus)


def _list(services: Services) -> Sequence[Limit]:
    """Every limit once, those of one owner in the order in which they are written."""
    try:
        return list({limit.id: limit for limit in services.running.limits()}.values())
    except QuestionError as error:
        raise Refusal(Code.CONFLICT, f"{str(error).capitalize()}.") from error


def _focus_of(limit: Limit) -> Focus:
    """The object that a limit is written in."""
    if limit.scope is Scope.GATEWAY:
        return Focus("section", "limits")
    if limit.scope not in WRITTEN_IN:
        raise Refusal(
            Code.CONFLICT, f"A {limit.scope}'s budget is raised where it is written: add `increase` to it there."
        )
    return Focus(WRITTEN_IN[limit.scope], limit.owner)


def _find(data: Any, place: int) -> dict[str, Any] | None:
    """A limit as it is written, by its place in an object's list."""
    written = data if isinstance(data, list) else data.get("limits")
    found = written[place] if isinstance(written, list) and place < len(written) else None
    return found if isinstance(found, dict) else None


def _show(limit: Limit, known: Left | None, now_us: int) -> dict[str, Any]:
    stands = known or Left(limit.amount)
    whole = limit.burst if limit.kind is Kind.RATE else stands.amount
    per, raised = limit.per, limit.increase
    return {
        "id": limit.id,
        "scope": limit.scope.value,
        "owner": limit.owner,
        "name": limit.name,
        "kind": limit.kind.value,
        "amount": _amount(limit, stands.amount),
        "currency": limit.currency or None,
        "burst": limit.burst or None,
        "per": None if per is None else per.by + (f":{per.field.decode()}" if per.field else ""),
        "window": _show_window(limit, now_us),
        "left": None if stands.left is None else _amount(limit, stands.left),
        "left_ratio": None if stands.left is None else round(max(0.0, min(1.0, stands.left / whole)), 6),
        "resets_at": render_time(stands.resets_at),
        "mode": "report" if limit.report else "enforce",
        "soft": limit.soft,
        "increase": None
        if raised is None
        else {"amount": _amount(limit, raised.amount), "until": render_time(raised.until // NS_PER_US)},
    }


def _show_window(limit: Limit, now_us: int) -> dict[str, Any] | None:
    match limit.kind:
        case Kind.RATE:
            return {"unit": None, "zone": None, "length_s": limit.period / SECOND_NS}
        case Kind.CONCURRENCY:
            return None
        case _:
            begin, end = calendar.window(limit.unit, ZoneInfo(limit.zone), now_us * NS_PER_US)
            return {"unit": limit.unit, "zone": limit.zone, "length_s": (end - begin) / SECOND_NS}


def _amount(limit: Limit, counted: int) -> float:
    """As people count it: money in its currency."""
    return counted / NANOS if limit.kind is Kind.BUDGET else counted
