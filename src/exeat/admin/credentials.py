"""Credentials: the values that `${vault:NAME}` stands for; they go in, and never come out again."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from exeat.admin import answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.paging import Paged, answer_page
from exeat.admin.pointers import SECTION_OF, Focus
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute, Members, looked_at_by
from exeat.admin.services import SECTIONS, Document, Services, host_of, list_of
from exeat.admin.shown import render_time
from exeat.admin.versions import tag
from exeat.admin.writing import Write
from exeat.config.display import MASK
from exeat.model.secret import Secret
from exeat.store.configuration.stored import read_stored
from exeat.store.configuration.vault import SecretItem, list_secrets

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["credentials"])
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
REFERENCE = re.compile(r"\$\$\{|\$\{vault:([^{}]*)\}")
CredentialName = Annotated[str, Path(max_length=128, description="What `${vault:NAME}` calls it.")]
Users = dict[str, list[str]]


class CredentialValue(BaseModel):
    """A credential's value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: str = Field(min_length=1, max_length=65536, description="The secret itself.")


def _look(request: Request, members: Members) -> list[Fault]:
    """What is wrong with a credential's name and value, but for what the schema says."""
    faults: list[Fault] = []
    name = request.path_params["name"]
    if not NAME.fullmatch(name):
        faults.append(Fault("", f"the name '{name}' isn't made of a-z, 0-9, '.', '_' and '-', at most 128"))
    if members.get("value") == MASK:
        faults.append(Fault("/value", "is the mask of a secret and not the secret"))
    return faults


@router.get("/credentials", operation_id="list_credentials", responses=reads(answers.Credentials))
def list_all(request: Request, page: Paged) -> JSONResponse:
    """The credentials in the vault, by name, without their values."""
    services: Services = request.app.state.services
    users = find_users(services)
    found = [item for item in list_secrets(services.engine) if page.after is None or item.name > page.after]
    return answer_page([_show(item, users) for item in found[: page.limit + 1]], page.limit, "name")


@router.get(
    "/credentials/{name}",
    operation_id="get_credential",
    responses=reads(answers.Credential, Code.NOT_FOUND, tagged=True),
)
def get_one(request: Request, name: CredentialName) -> JSONResponse:
    """What is known of a credential but for its value."""
    services: Services = request.app.state.services
    item = _find(services, name)
    if item is None:
        raise _absent(name)
    return JSONResponse(_show(item, find_users(services)), headers={"ETag": tag(item.version)})


@router.put("/credentials/{name}", operation_id="put_credential", responses=changes(answers.Credential))
@looked_at_by(_look)
def put_one(request: Request, write: Write, name: CredentialName, body: CredentialValue) -> JSONResponse:
    """Set a credential; everything that refers to it uses the new value at once."""
    write.refuse(_look(request, body.model_dump()))
    with write.edit(Focus("credential", name), mends=True) as edit:
        present = _find(write.services, name)
        write.versions.judge(None if present is None else present.version, f"credential '{name}'")
        edit.set_secret(name, Secret(body.value))
    if write.dry_run:
        return write.preview()
    item = _find(write.services, name)
    if item is None:
        raise _absent(name)
    return write.answer(_show(item, find_users(write.services)), item.version)


@router.delete("/credentials/{name}", operation_id="delete_credential", status_code=204, responses=changes(None))
def delete_one(write: Write, name: CredentialName) -> Response:
    """Remove a credential that nothing refers to."""
    with write.edit(Focus("credential", name), mends=True) as edit:
        present = _find(write.services, name)
        if present is None:
            raise _absent(name)
        write.versions.judge(present.version, f"credential '{name}'")
        users = find_users(write.services).get(name)
        if users:
            raise Refusal(Code.CONFLICT, f"The credential '{name}' is used by {', '.join(users[:5])}.")
        edit.remove_secret(name)
    return write.preview() if write.dry_run else Response(status_code=204)


def _find(services: Services, name: str) -> SecretItem | None:
    return next((item for item in list_secrets(services.engine) if item.name == name), None)


def _absent(name: str) -> Refusal:
    return Refusal(Code.NOT_FOUND, f"There is no credential '{name}' in the vault.")


def _show(item: SecretItem, users: Users) -> dict[str, Any]:
    return {
        "name": item.name,
        "version": item.version,
        "changed_at": render_time(item.changed_at),
        "changed_by": item.changed_by,
        "used_by": users.get(item.name, []),
        "warnings": [],
    }


def find_users(services: Services) -> Users:
    """The objects that refer to each credential, of every source."""
    users: Users = {}
    for document in (services.outside().document, read_stored(services.engine).document):
        for what, value in _objects(document):
            for name in dict.fromkeys(_references(value)):
                users.setdefault(name, []).append(what)
    return {name: sorted(whats) for name, whats in users.items()}


def _objects(document: Document) -> Iterator[tuple[str, object]]:
    for kind in ("upstream", "consumer"):
        section = document.get(SECTION_OF[kind])
        if isinstance(section, Mapping):
            yield from ((f"{kind}/{name}", value) for name, value in section.items())
    yield from ((f"destination/{host_of(value)}", value) for value in list_of(document.get("destinations")))
    yield from ((f"section/{name}", document[name]) for name in SECTIONS if name in document)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _references(inner)
    elif isinstance(value, str):
        yield from (name for name in REFERENCE.findall(value) if name)
