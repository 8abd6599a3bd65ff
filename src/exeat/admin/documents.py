"""Whole documents: `apply` makes the database's objects what one says, `export` writes them out again."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from exeat.admin import answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.objects import faults_in
from exeat.admin.pointers import SECTION_OF, Focus, parse_path, render_pointer
from exeat.admin.readable import unfit_in
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import YAML, GuardedRoute
from exeat.admin.services import SECTIONS, Document, Services, host_of, list_of
from exeat.admin.versions import tag
from exeat.admin.writing import Write, render_change
from exeat.config.display import show
from exeat.config.problem import Problem, suggest
from exeat.config.reading import Reading, read_text
from exeat.config.writing import render_yaml
from exeat.store.configuration.stored import read_stored

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["document"])
DOCUMENT_SCHEMA = {"$ref": "#/components/schemas/Document"}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": DOCUMENT_SCHEMA}, YAML[0]: {"schema": DOCUMENT_SCHEMA}},
    }
}
EXPORTED: dict[int | str, dict[str, Any]] = {
    **reads(answers.Status),
    200: {
        "description": "The document.",
        "content": {"application/json": {"schema": DOCUMENT_SCHEMA}, YAML[0]: {"schema": DOCUMENT_SCHEMA}},
    },
}
NAMED = ("upstream", "consumer")


class Entry(NamedTuple):
    """An object of a document, and where in it that stands."""

    focus: Focus
    place: tuple[str | int, ...]
    data: Any


@router.post("/apply", operation_id="apply", responses=changes(answers.Applied), openapi_extra=BODY)
async def apply(
    request: Request,
    write: Write,
    prune: Annotated[bool, Query(description="Remove the objects that the document doesn't name.")] = True,  # noqa: FBT002 - a query parameter
) -> JSONResponse:
    """Make the database's objects what a document says: all of it, or nothing. `If-Match` may be that of an export."""
    body = await request.body()  # kept since it was read
    return await run_in_threadpool(_apply, write, body, prune=prune)


def _apply(write: Write, body: bytes, *, prune: bool) -> JSONResponse:
    entries, faults = parse_entries(_read(body))
    order = tuple(entry.focus.name for entry in entries if entry.focus.kind == "destination")
    if faults:
        known = {fault.pointer for fault in faults}
        more = write.find_faults(_readable(entries), Focus(order=order))
        raise _faulty([*faults, *(fault for fault in more if fault.pointer not in known)])
    wanted = {(entry.focus.kind, entry.focus.name): entry for entry in entries}
    with write.edit(Focus(order=order)) as edit:
        stored = read_stored(write.services.engine)
        write.versions.judge_if_based(stored.revision, "configuration")
        for focus in [entry.focus for entry in _entries(stored.document) if prune]:
            if (focus.kind, focus.name) not in wanted:
                edit.remove(focus.kind, focus.name)
        for (kind, name), entry in wanted.items():
            edit.put(kind, name, entry.data)
    shown = [render_change(change) for change in write.changes]
    return write.answer({"revision": write.revision, "changes": shown}, write.revision)


def _read(body: bytes) -> Reading:
    try:
        reading = read_text(body.decode(), "the document")
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED_REQUEST, "The document isn't UTF-8 text.") from None
    if reading.problems:
        raise _faulty([_fault(problem) for problem in reading.problems])
    return reading


def _faulty(faults: list[Fault]) -> Refusal:
    return Refusal(Code.INVALID, f"The document has {len(faults)} faults.", faults=faults)


def _fault(problem: Problem) -> Fault:
    return Fault(render_pointer(parse_path(problem.path)), problem.message, problem.path, str(problem.place))


def parse_entries(reading: Reading) -> tuple[list[Entry], list[Fault]]:
    """The objects of a document, and everything whose shape can't be one; a Refusal if there are no objects in it."""
    data = {} if reading.data is None else reading.data
    unfit = list(unfit_in(data))
    if unfit:
        raise _faulty(unfit)
    if not isinstance(data, dict):
        raise _faulty([Fault("", "holds no mapping; a document begins with 'upstreams:' or 'consumers:'")])
    known = (*SECTION_OF.values(), *SECTIONS)
    faults = [Fault(f"/{name}", f"unknown section{suggest(name, known)}", name) for name in data if name not in known]
    for name in SECTION_OF.values():
        kind: tuple[type, str] = (list, "list") if name == "destinations" else (dict, "mapping")
        if not isinstance(data.get(name), (kind[0], type(None))):
            faults.append(Fault(f"/{name}", f"must be a {kind[1]}", name))
            del data[name]
    entries = list(_entries(data))
    seen: set[Focus] = set()
    for entry in entries:
        found = faults_in(entry.focus, entry.data)
        if entry.focus in seen:
            found = [*found, Fault("", f"{entry.focus.what} is there twice")]
        seen.add(entry.focus)
        place = render_pointer(entry.place)
        faults += [
            Fault(place + fault.pointer, fault.message, "", str(reading.places.find(entry.place))) for fault in found
        ]
    return entries, faults


def _readable(entries: list[Entry]) -> Document:
    """The document of those entries that can be read as what they are, to find what else is wrong with them."""
    document: dict[str, Any] = {}
    destinations: dict[str, Any] = {}  # each once
    for focus, _, data in entries:
        if focus.kind == "section":
            document[focus.name] = data
        elif isinstance(data, dict) and focus.kind == "destination":
            destinations.setdefault(focus.name, data)
        elif isinstance(data, dict):
            document.setdefault(SECTION_OF[focus.kind], {})[focus.name] = data
    return {**document, "destinations": list(destinations.values())}


def _entries(document: Mapping[str, object]) -> Iterator[Entry]:
    """The objects of a document, in an order in which each can be put."""
    for name in SECTIONS:
        if document.get(name) is not None:
            yield Entry(Focus("section", name), (name,), document[name])
    for kind in NAMED:
        section = document.get(SECTION_OF[kind])
        for name, value in section.items() if isinstance(section, Mapping) else ():
            yield Entry(Focus(kind, str(name)), (SECTION_OF[kind], str(name)), value)
    for index, value in enumerate(list_of(document.get("destinations"))):
        data = {"host": value} if isinstance(value, str) else value
        yield Entry(Focus("destination", host_of(value)), ("destinations", index), data)


@router.get("/export", operation_id="export", responses=EXPORTED)
def export(
    request: Request,
    all: Annotated[bool, Query(description="With what file and environment say, secrets masked.")] = False,  # noqa: A002, FBT002 - a query parameter
    format: Annotated[Literal["json", "yaml"] | None, Query(description="In place of `Accept`.")] = None,  # noqa: A002 - as above
) -> Response:
    """The document that the database holds, as `apply` takes it. Its ETag is the configuration's revision."""
    services: Services = request.app.state.services
    stored = read_stored(services.engine)
    written = show(_plain(stored.document))
    if all:
        written = _join(services.outside().document, written)
    headers = {"ETag": tag(stored.revision)}
    accepts = request.headers.get("accept", "")
    if format == "yaml" or (format is None and any(kind in accepts for kind in YAML)):
        return Response(render_yaml(written), media_type=YAML[0], headers=headers)
    return JSONResponse(written, headers=headers)


def _plain(document: Document) -> dict[str, Any]:
    """A document whose destinations without more than a host are written as one."""
    written: dict[str, Any] = {name: value for name, value in document.items() if value not in ({}, [])}
    if "destinations" in written:
        entries = list_of(written["destinations"])
        written["destinations"] = [host_of(one) if _is_bare(one) else one for one in entries]
    return written


def _is_bare(entry: object) -> bool:
    return isinstance(entry, Mapping) and set(entry) == {"host"}


def _join(first: Document, second: Document) -> dict[str, Any]:
    joined: dict[str, Any] = dict(first)
    for name, value in second.items():
        present = joined.get(name)
        if isinstance(present, Mapping) and isinstance(value, Mapping) and name in SECTION_OF.values():
            joined[name] = {**present, **value}
        elif isinstance(present, list) and isinstance(value, list):
            joined[name] = [*present, *value]
        else:
            joined[name] = value
    return joined
