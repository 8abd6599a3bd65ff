"""Upstreams, consumers, destinations and sections: what the document is made of, whichever source it is written in.

Rule 1: an object of a file or the environment is shown like any other, and can't be changed here.
Rule 2: a secret that is written into an object goes into the vault; what is shown refers to it.
"""

import heapq
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Body, Path, Request
from starlette.responses import JSONResponse, Response

from exeat.admin import answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.merge import merge_patch
from exeat.admin.paging import Page, Paged, answer_page
from exeat.admin.pointers import SECTION_OF, Focus, Parts, parse_path, render_pointer
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute
from exeat.admin.services import SECTIONS, Outside, Services, host_of, list_of
from exeat.admin.versions import tag
from exeat.admin.writing import Write, Writing
from exeat.config.display import MASK, show
from exeat.config.grammar import parse_name, parse_pattern
from exeat.config.problem import unquote
from exeat.store.configuration.failure import InvalidError
from exeat.store.configuration.literals import take_literals
from exeat.store.configuration.objects import Item, get_object, list_objects

Name = Annotated[str, Path(max_length=260, description="Its name; a destination's is its host pattern.")]
LISTS = frozenset({"domains", "limits", "webhooks"})  # sections that are lists
ObjectBody = Annotated[Any, Body(description="The object as it is written in the document.")]


class Kind(NamedTuple):
    """A kind of object: what it is called, and the JSON Schemas of one and of what changes one."""

    name: str
    plural: str
    schema: dict[str, Any]
    patch_schema: dict[str, Any]


def _described(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_PATCH = {"type": "object", "description": "Members that are to be different; null removes one."}
_OF_SECTION = {"type": ["object", "array"], "description": "The section as it is written in the document."}
KINDS = (
    Kind("upstream", "upstreams", _described("Upstream"), _PATCH),
    Kind("consumer", "consumers", _described("Consumer"), _PATCH),
    Kind("destination", "destinations", _described("DestinationWanted"), _PATCH),
    Kind("section", "sections", _OF_SECTION, _OF_SECTION),
)


def build_router() -> APIRouter:
    """The routes of all kinds."""
    router = APIRouter(prefix=PREFIX, route_class=GuardedRoute)
    for kind in KINDS:
        _add_reading(router, kind)
        _add_changing(router, kind)
    return router


def _add_reading(router: APIRouter, kind: Kind) -> None:
    def list_them(request: Request, page: Paged) -> JSONResponse:
        return answer_page(list(_list(request.app.state.services, kind.name, page)), page.limit, "name")

    def get_one(request: Request, name: Name) -> JSONResponse:
        return _show_one(request.app.state.services, kind.name, name)

    tags: list[Any] = [kind.plural]
    list_them.__doc__, get_one.__doc__ = f"The {kind.plural}, by name.", f"One {kind.name}."
    router.get(f"/{kind.plural}", operation_id=f"list_{kind.plural}", tags=tags, responses=reads(answers.Objects))(
        list_them
    )
    router.get(
        f"/{kind.plural}/{{name}}",
        operation_id=f"get_{kind.name}",
        tags=tags,
        responses=reads(answers.Object, Code.NOT_FOUND, tagged=True),
    )(get_one)


def _add_changing(router: APIRouter, kind: Kind) -> None:
    def put_one(write: Write, name: Name, data: ObjectBody) -> JSONResponse:
        return _put(write, Focus(kind.name, name), data)

    def patch_one(write: Write, name: Name, data: ObjectBody) -> JSONResponse:
        return _patch(write, Focus(kind.name, name), data)

    def delete_one(write: Write, name: Name) -> Response:
        return _delete(write, Focus(kind.name, name))

    one = f"{'an' if kind.name[0] in 'aeiou' else 'a'} {kind.name}"
    put_one.__doc__ = f"Make {one}, or put another in its place."
    patch_one.__doc__ = f"Change members of {one} (JSON Merge Patch, RFC 7396)."
    delete_one.__doc__ = f"Remove {one}" + (" and revoke its keys." if kind.name == "consumer" else ".")
    path = f"/{kind.plural}/{{name}}"
    tags: list[Any] = [kind.plural]
    documented = changes(answers.Object)
    put_body, patch_body = _body_of(kind.schema), _body_of(kind.patch_schema)
    router.put(path, operation_id=f"put_{kind.name}", tags=tags, responses=documented, openapi_extra=put_body)(put_one)
    router.patch(path, operation_id=f"patch_{kind.name}", tags=tags, responses=documented, openapi_extra=patch_body)(
        patch_one
    )
    router.delete(path, operation_id=f"delete_{kind.name}", tags=tags, status_code=204, responses=changes(None))(
        delete_one
    )


def _body_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _list(services: Services, kind: str, page: Page) -> Iterator[dict[str, Any]]:
    """One object more than the page has, if there are more."""
    outside = services.outside()
    names = sorted(name for of, name in outside.sources if of == kind and (page.after is None or name > page.after))
    elsewhere = ((name, _show_outside(outside, kind, name)) for name in names)
    found = list_objects(services.engine, kind, after=page.after, limit=page.limit + 1)
    here = ((item.name, _show(kind, item)) for item in found)
    merged = heapq.merge(elsewhere, here, key=lambda entry: entry[0])
    return (shown for _, shown in zip(range(page.limit + 1), (shown for _, shown in merged), strict=False))


def _show_one(services: Services, kind: str, name: str) -> JSONResponse:
    item = get_object(services.engine, kind, name)
    if item is not None:
        return JSONResponse(_show(kind, item), headers={"ETag": tag(item.revision)})
    outside = services.outside()
    if (kind, name) in outside.sources:
        return JSONResponse(_show_outside(outside, kind, name))
    raise _absent(kind, name)


def _absent(kind: str, name: str) -> Refusal:
    return Refusal(Code.NOT_FOUND, f"There is no {kind} '{name}'.")


def _show(kind: str, item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "source": "database",
        "read_only": False,
        "revision": item.revision,
        "data": mask_data(kind, item.name, item.data),
        "warnings": [],
    }


def mask_data(kind: str, name: str, data: object) -> object:
    """An object without secrets: what is kept has none, and this makes sure."""
    section = SECTION_OF.get(kind)
    if section is None:
        return show({name: data})[name]
    if kind == "destination":
        return list_of(show({section: [data]})[section])[0]
    masked = show({section: {name: data}})[section]
    return masked[name] if isinstance(masked, Mapping) else None


def _show_outside(outside: Outside, kind: str, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "source": outside.sources[kind, name],
        "read_only": True,
        "revision": None,
        "data": _find_outside(outside, kind, name),
        "warnings": [],
    }


def _find_outside(outside: Outside, kind: str, name: str) -> object:
    if kind == "section":
        return outside.document.get(name)
    section = outside.document.get(SECTION_OF[kind])
    if kind == "destination":
        entry = next((entry for entry in list_of(section) if host_of(entry) == name), None)
        return {"host": entry} if isinstance(entry, str) else entry
    return section.get(name) if isinstance(section, Mapping) else None


def _put(write: Writing, focus: Focus, data: object) -> JSONResponse:
    refuse_outside(write.services, focus)
    write.refuse(faults_in(focus, data), partial(_compile_alone, write, focus, data))
    with write.edit(focus) as edit:
        present = get_object(write.services.engine, focus.kind, focus.name)
        write.versions.judge(None if present is None else present.revision, f"{focus.kind} '{focus.name}'")
        edit.put(focus.kind, focus.name, _with_host(focus, data))
    return answer_object(write, focus)


def _patch(write: Writing, focus: Focus, patch: object) -> JSONResponse:
    refuse_outside(write.services, focus)
    with write.edit(focus) as edit:
        present = get_object(write.services.engine, focus.kind, focus.name)
        if present is None:
            raise _absent(focus.kind, focus.name)
        write.versions.judge(present.revision, f"{focus.kind} '{focus.name}'")
        data = merge_patch(present.data, patch)
        write.refuse(faults_in(focus, data), partial(_compile_alone, write, focus, data))
        edit.put(focus.kind, focus.name, _with_host(focus, data))
    return answer_object(write, focus)


def answer_object(write: Writing, focus: Focus) -> JSONResponse:
    """The answer to a change of an object: as it is now."""
    if write.dry_run:
        return write.preview()
    item = get_object(write.services.engine, focus.kind, focus.name)
    if item is None:
        raise _absent(focus.kind, focus.name)
    return write.answer(_show(focus.kind, item), item.revision)


def _delete(write: Writing, focus: Focus) -> Response:
    refuse_outside(write.services, focus)
    with write.edit(focus, mends=True) as edit:
        present = get_object(write.services.engine, focus.kind, focus.name)
        if present is None:
            raise _absent(focus.kind, focus.name)
        write.versions.judge(present.revision, f"{focus.kind} '{focus.name}'")
        edit.remove(focus.kind, focus.name)
    return write.preview() if write.dry_run else Response(status_code=204)


def refuse_outside(services: Services, focus: Focus) -> None:
    """Refuse a change of what is written in a file or the environment."""
    source = services.outside().sources.get((focus.kind, focus.name))
    if source is not None:
        raise Refusal(Code.READ_ONLY, f"The {focus.kind} '{focus.name}' is written in: {source}.")


def faults_in(focus: Focus, data: object) -> list[Fault]:
    """What is wrong with an object in itself, before it is looked at as a part of the whole."""
    faults = _faults_of_name(focus)
    if focus.kind == "section" and focus.name in LISTS:
        return faults if isinstance(data, list) else [*faults, Fault("", "must be a list")]
    if not isinstance(data, dict):
        return [*faults, Fault("", "must be an object, as it is written in the document")]
    if focus.kind == "destination" and data.get("host", focus.name) != focus.name:
        faults.append(Fault("/host", f"isn't the '{focus.name}' of the path"))
    return [*faults, *masked_in(data), *_mixed_in(focus, data)]


def _faults_of_name(focus: Focus) -> list[Fault]:
    if focus.kind == "section":
        if focus.name not in SECTIONS:
            raise Refusal(Code.NOT_FOUND, f"There is no section '{focus.name}'; there are {', '.join(SECTIONS)}.")
        return []
    try:
        canonical = parse_pattern(focus.name).text if focus.kind == "destination" else parse_name(focus.name)
    except ValueError as error:
        return [Fault("", unquote(f"the name '{focus.name}': {error}", hide=False))]
    return [] if canonical == focus.name else [Fault("", f"the name is written '{canonical}'")]


def masked_in(data: object, place: Parts = ()) -> list[Fault]:
    """Where a document that was shown stands in for a secret: sent back, the mask would become the secret."""
    if isinstance(data, dict):
        return [fault for name, value in data.items() for fault in masked_in(value, (*place, name))]
    if isinstance(data, list):
        return [fault for index, value in enumerate(data) for fault in masked_in(value, (*place, index))]
    if data == MASK:
        message = "is the mask of a secret and not the secret; write it, or a reference to it"
        return [Fault(render_pointer(place), message)]
    return []


def _compile_alone(write: Writing, focus: Focus, data: object) -> list[Fault]:
    """What compiling finds in an object that isn't put, by itself; one with a wrong name is looked at all the same."""
    if not isinstance(data, dict):
        return []
    if focus.kind == "destination":
        return write.find_faults({"destinations": [{**data, "host": focus.name}]}, focus)
    section = SECTION_OF.get(focus.kind)
    if section is None:
        return write.find_faults({focus.name: data}, focus)
    named = focus._replace(name="a")
    return write.find_faults({section: {named.name: data}}, named)


def _mixed_in(focus: Focus, data: object) -> list[Fault]:
    """Where a secret is part text and part reference, which the vault can't keep."""
    if focus.kind != "upstream":
        return []
    try:
        take_literals(focus.name, data)
    except InvalidError as error:
        path, _, message = str(error).partition(" ")
        return [Fault(render_pointer(focus.within(parse_path(path)) or ()), message, path)]
    return []


def _with_host(focus: Focus, data: object) -> Any:
    return {"host": focus.name, **data} if focus.kind == "destination" and isinstance(data, dict) else data
