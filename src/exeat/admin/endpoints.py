"""The endpoints of upstreams: how they are, and what is said of them by hand, whichever source they are written in.

Rule 1: what workers know is of the gateway whose control listener answers; what is said by hand holds for every one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from exeat.admin import answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.pointers import Focus
from exeat.admin.refusal import Fault, Refusal, invalid
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute, Members, looked_at_by
from exeat.admin.services import QuestionError, Services
from exeat.admin.shown import parse_length, render_time
from exeat.admin.versions import tag
from exeat.admin.writing import Write, Writing
from exeat.model.by_hand import HandState
from exeat.store.configuration.edit import Edit
from exeat.store.configuration.endpoints import EndpointItem, list_endpoints

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["upstreams"])
Name = Annotated[str, Path(max_length=260, description="The upstream's name.")]
Url = Annotated[
    str | None,
    Field(
        max_length=2000,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Its URL, or as much of that as no other endpoint has; the only one, without.",
    ),
]
_PORTS = {"http": 80, "https": 443}
_STATES = {"closed": "well", "recovering": "recovering", "probing": "resting", "open": "resting"}
_WORST = ("well", "recovering", "resting")
_BODY = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class EndpointHeld(BaseModel):
    """Which endpoint gets no calls, and for how long."""

    model_config = _BODY
    endpoint: Url = None
    for_: str | None = Field(
        default=None, alias="for", description="For how long, as in `10m`; until it is restored or reset, without."
    )


class EndpointFreed(BaseModel):
    """Which endpoint gets calls again; all of the upstream, without."""

    model_config = _BODY
    endpoint: Url = None


class Known(NamedTuple):
    """What workers know of an endpoint, all together. `until` is in seconds since 1970."""

    state: str = "well"
    pending: int = 0
    failures: int = 0
    reason: str | None = None
    until: int | None = None

    def add(self, said: Mapping[str, Any]) -> "Known":
        """With what one more worker says: what is worst counts."""
        state = _STATES[said["state"]]
        is_worse = _WORST.index(state) > _WORST.index(self.state)
        found = (said["reason"], said["rests_until"]) if state != "well" else (None, None)
        reason, until = found if is_worse else (self.reason, self.until)
        if state == self.state == "resting" and found[1] is not None:
            until = max(found[1], self.until or 0)
        return Known(
            state if is_worse else self.state,
            self.pending + said["pending"],
            self.failures + said["failures"],
            reason,
            until,
        )


def _look(_request: Request, members: Members) -> list[Fault]:
    """What is wrong with a body, but for what its schema says."""
    faults: list[Fault] = []
    if members.get("for") is not None:
        parse_length(members["for"], "/for", faults)
    return faults


@router.get(
    "/upstreams/{name}/endpoints",
    operation_id="list_endpoints",
    responses=reads(answers.Endpoints, Code.NOT_FOUND, Code.CONFLICT, tagged=True),
)
def list_them(request: Request, name: Name) -> JSONResponse:
    """How the endpoints of an upstream are, and what is said of them by hand."""
    services: Services = request.app.state.services
    body, version = _show_all(services, name, _find_urls(services, name))
    return JSONResponse({**body, "warnings": []}, headers={"ETag": tag(version)})


_DOCUMENTED = changes(answers.Endpoints, Code.NOT_FOUND, Code.STALE, versioned=False)


@router.post("/upstreams/{name}/endpoints/trip", operation_id="trip_endpoint", responses=_DOCUMENTED)
@looked_at_by(_look)
def trip(request: Request, write: Write, name: Name, wanted: EndpointHeld) -> JSONResponse:
    """Open the circuit of an endpoint by hand: it gets no calls, for a time or until it is reset."""
    return _hold(request, write, name, wanted, "tripped")


@router.post("/upstreams/{name}/endpoints/drain", operation_id="drain_endpoint", responses=_DOCUMENTED)
@looked_at_by(_look)
def drain(request: Request, write: Write, name: Name, wanted: EndpointHeld) -> JSONResponse:
    """Take an endpoint out of use: it gets no new calls, and those under way end as they would have."""
    return _hold(request, write, name, wanted, "drained")


@router.post("/upstreams/{name}/endpoints/reset", operation_id="reset_endpoint", responses=_DOCUMENTED)
def reset(write: Write, name: Name, wanted: EndpointFreed) -> JSONResponse:
    """Close the circuit of an endpoint on every worker: what it has shown is forgotten, what was said is taken back."""
    return _free(write, name, wanted, lambda edit, url: edit.reset_endpoint(name, url))


@router.post("/upstreams/{name}/endpoints/restore", operation_id="restore_endpoint", responses=_DOCUMENTED)
def restore(write: Write, name: Name, wanted: EndpointFreed) -> JSONResponse:
    """Take back that an endpoint is tripped or drained; what it has shown by itself counts as before."""
    return _free(write, name, wanted, lambda edit, url: edit.restore_endpoint(name, url))


def _hold(request: Request, write: Writing, name: str, wanted: EndpointHeld, state: HandState) -> JSONResponse:
    write.refuse(_look(request, wanted.model_dump(by_alias=True)))
    now_us = write.services.now_us()
    length_s = None if wanted.for_ is None else parse_length(wanted.for_, "/for", [])
    ends_at = None if length_s is None else now_us + length_s * 1_000_000
    urls = _find_urls(write.services, name)
    (url,) = _choose(name, urls, wanted.endpoint, is_one=True)
    with _edit(write, name) as edit:
        held = {item.endpoint for item in list_endpoints(write.services.engine, name) if item.at(now_us)} | {url}
        if held.issuperset(urls):
            message = f"no endpoint of '{name}' is left: its calls are answered with circuit-open"
            write.warnings = [Fault("", message)]
        edit.hold_endpoint(name, url, state, ends_at)
    return _answer(write, name, urls)


def _free(write: Writing, name: str, wanted: EndpointFreed, do: Callable[[Edit, str], None]) -> JSONResponse:
    urls = _find_urls(write.services, name)
    said = [item.endpoint for item in list_endpoints(write.services.engine, name)]
    chosen = _choose(name, list(dict.fromkeys((*urls, *said))), wanted.endpoint, is_one=False)
    with _edit(write, name) as edit:
        for url in chosen:
            do(edit, url)
    return _answer(write, name, urls)


def _edit(write: Writing, name: str) -> Any:
    """An edit of the endpoints of an upstream as they were seen, if that is said."""
    write.versions.judge_if_based(_version(list_endpoints(write.services.engine, name)), f"endpoint of '{name}'")
    return write.edit(Focus("endpoint", name), compiles=False)


def _answer(write: Writing, name: str, urls: Sequence[str]) -> JSONResponse:
    if write.dry_run:
        return write.preview()
    body, version = _show_all(write.services, name, urls)
    return write.answer(body, version)


def _find_urls(services: Services, name: str) -> tuple[str, ...]:
    """The URLs of an upstream's endpoints, by what is written now."""
    try:
        urls = services.endpoints(name)
    except QuestionError as error:
        raise Refusal(Code.CONFLICT, f"{str(error).capitalize()}.") from error
    if urls is None:
        raise Refusal(Code.NOT_FOUND, f"There is no upstream '{name}'.")
    return urls


def _choose(upstream: str, urls: Sequence[str], wanted: str | None, *, is_one: bool) -> list[str]:
    """The endpoints that are meant; a Refusal unless it is clear which."""
    listed = ", ".join(urls)
    if wanted is None:
        if is_one and len(urls) > 1:
            raise invalid(Fault("/endpoint", f"is missing: '{upstream}' has several endpoints; write one of {listed}"))
        return list(urls)
    sought = wanted.rstrip("/").lower()
    found = [url for url in urls if url.lower() == sought] or [url for url in urls if sought in _ways_to_write(url)]
    if not found:
        raise Refusal(Code.NOT_FOUND, f"The upstream '{upstream}' has no endpoint '{wanted}'; it has {listed}.")
    if len(found) > 1:
        raise invalid(Fault("/endpoint", f"may be any of {', '.join(found)}; write more of it"))
    return found


def _ways_to_write(url: str) -> set[str]:
    """What stands for a URL where nothing else is like it: without its scheme, its authority, its host."""
    parts = urlsplit(url.lower())
    host = parts.hostname or ""
    port = parts.port or _PORTS.get(parts.scheme, 0)
    return {url.lower().partition("://")[2], parts.netloc, host, f"{host}:{port}", f"{parts.scheme}://{host}:{port}"}


# What is shown


def learnt_of(status: Mapping[str, Any]) -> dict[str, Known]:
    """What the workers of this gateway know, by the ids of endpoints."""
    found: dict[str, Known] = {}
    for worker in status.get("workers") or ():
        for said in worker.get("endpoints", ()):
            found[said["endpoint"]] = found.get(said["endpoint"], Known()).add(said)
    return found


def show_resting(services: Services, status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every endpoint that isn't well, of all upstreams."""
    now_us, learnt = services.now_us(), learnt_of(status)
    items = {(item.upstream, item.endpoint): item for item in list_endpoints(services.engine)}
    names = dict.fromkeys([*items, *(tuple(name.split(" ", 1)) for name in learnt)])
    shown = [
        {"upstream": name[0], **_show(learnt.get(" ".join(name)), name[1], items.get((name[0], name[1])), now_us)}
        for name in names
    ]
    return [one for one in shown if one["state"] != "well"]


def _show_all(services: Services, name: str, urls: Sequence[str]) -> tuple[dict[str, Any], int]:
    """The endpoints of an upstream, and the version of what is said of them."""
    items = list_endpoints(services.engine, name)
    by_url = {item.endpoint: item for item in items}
    now_us, status = services.now_us(), services.status()
    learnt = learnt_of(status)
    runs = status.get("workers") is not None
    gone = [item.endpoint for item in items if item.at(now_us) and item.endpoint not in urls]
    shown = []
    for url in (*urls, *gone):
        known = learnt.get(f"{name} {url}", Known()) if runs else None
        shown.append({"listed": url in urls, **_show(known, url, by_url.get(url), now_us)})
    version = _version(items)
    return {"upstream": name, "revision": version, "items": shown}, version


def _show(known: Known | None, url: str, item: EndpointItem | None, now_us: int) -> dict[str, Any]:
    state = None if item is None else item.at(now_us)
    held = None
    if item is not None and state is not None:
        held = {
            "since": render_time(item.changed_at),
            "until": render_time(item.ends_at),
            "by": item.changed_by,
            "why": item.why,
        }
    until = None if known is None or known.until is None else render_time(known.until * 1_000_000)
    return {
        "endpoint": url,
        "state": state or (known or Known()).state,
        "pending": None if known is None else known.pending,
        "failures": None if known is None else known.failures,
        "reason": None if known is None or state is not None else known.reason,
        "until": until if held is None else held["until"],
        "by_hand": held,
    }


def _version(items: Sequence[EndpointItem]) -> int:
    return max((item.revision for item in items), default=0)
