"""Administrators: who may use the admin API, and as what."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from exeat.admin import answers
from exeat.admin.answering import changes, reads
from exeat.admin.codes import Code
from exeat.admin.paging import Paged, answer_page
from exeat.admin.passwords import LEAST_LENGTH, MOST_LENGTH, faults_of
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.roles import PREFIX
from exeat.admin.route import GuardedRoute, Members, looked_at_by
from exeat.admin.services import Services
from exeat.admin.shown import render_time
from exeat.admin.versions import tag
from exeat.admin.writing import Write, Writing
from exeat.model.secret import Secret
from exeat.store.configuration.people import (
    Administrator,
    end_sessions,
    find_administrator,
    list_administrators,
)

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["administrators"])
NAME = r"^[a-z0-9][a-z0-9._@-]{0,62}$"
AdministratorName = Annotated[str, Path(max_length=63, description="The administrator's name.")]


# That it is too short is said with more words than the schema has.
Password = Annotated[str, Field(max_length=MOST_LENGTH, json_schema_extra={"minLength": LEAST_LENGTH})]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class AdministratorWanted(_Body):
    """An administrator to be made. Without a password one logs in with a token."""

    name: str = Field(pattern=NAME, description="Letters a-z, digits and `._@-`, at most 63.")
    role: answers.RoleWord
    password: Password | None = Field(default=None, description="At least 12 characters.")


class AdministratorPatch(_Body):
    """What is to be different of an administrator."""

    role: answers.RoleWord | None = None
    disabled: bool | None = None
    password: Password | None = Field(default=None, description="A new one; it ends all sessions.")


def _look(request: Request, members: Members) -> list[Fault]:
    """What is wrong with the password of a body, whose administrator stands there or in the path."""
    password = members.get("password")
    name = request.path_params.get("name") or members.get("name", "")
    return [] if password is None else faults_of(password, name)


@router.get("/administrators", operation_id="list_administrators", responses=reads(answers.Administrators))
def list_all(request: Request, page: Paged) -> JSONResponse:
    """Who may use the admin API, by name."""
    services: Services = request.app.state.services
    found = list_administrators(services.engine, after=page.after, limit=page.limit + 1)
    return answer_page([_show(one) for one in found], page.limit, "name")


@router.get(
    "/administrators/{name}",
    operation_id="get_administrator",
    responses=reads(answers.Administrator, Code.NOT_FOUND, tagged=True),
)
def get_one(request: Request, name: AdministratorName) -> JSONResponse:
    """One administrator."""
    found = _find(request.app.state.services, name)
    return JSONResponse(_show(found), headers={"ETag": tag(found.revision)})


@router.post(
    "/administrators",
    operation_id="create_administrator",
    status_code=201,
    responses=changes(answers.Administrator, Code.EXISTS, Code.OVERLOADED, status=201, versioned=False),
)
@looked_at_by(_look)
def create(request: Request, write: Write, wanted: AdministratorWanted) -> JSONResponse:
    """Make an administrator."""
    write.refuse(_look(request, wanted.model_dump()))
    kept = _hash(write, wanted.password)
    with write.edit(compiles=False) as edit:
        if find_administrator(write.services.engine, wanted.name) is not None:
            raise Refusal(Code.EXISTS, f"There is an administrator '{wanted.name}' already.")
        edit.put_administrator(wanted.name, role=wanted.role, password=kept, disabled=False)
    return _answer(write, wanted.name, 201)


@router.patch(
    "/administrators/{name}",
    operation_id="patch_administrator",
    responses=changes(answers.Administrator, Code.OVERLOADED),
)
@looked_at_by(_look)
def patch_one(request: Request, write: Write, name: AdministratorName, patch: AdministratorPatch) -> JSONResponse:
    """Change an administrator's role, disable them, or set a password; each of these ends their sessions."""
    write.refuse(_look(request, patch.model_dump()))
    kept = _hash(write, patch.password)
    with write.edit(compiles=False) as edit:
        found = _find(write.services, name)
        write.versions.judge(found.revision, f"administrator '{name}'")
        edit.put_administrator(
            name,
            role=patch.role or found.role,
            password=kept or found.password,
            disabled=found.disabled if patch.disabled is None else patch.disabled,
        )
    if write.changes and not write.dry_run:
        end_sessions(write.services.engine, name)
    return _answer(write, name, 200)


@router.delete("/administrators/{name}", operation_id="delete_administrator", status_code=204, responses=changes(None))
def delete_one(write: Write, name: AdministratorName) -> Response:
    """Remove an administrator with their tokens and sessions; never the last one who can change administrators."""
    with write.edit(compiles=False) as edit:
        found = _find(write.services, name)
        write.versions.judge(found.revision, f"administrator '{name}'")
        edit.remove_administrator(name)
    if write.dry_run:
        return write.preview()
    end_sessions(write.services.engine, name)
    return Response(status_code=204)


def _hash(write: Writing, password: str | None) -> str | None:
    return None if password is None else write.services.passwords.hash(Secret(password))


def _find(services: Services, name: str) -> Administrator:
    found = find_administrator(services.engine, name)
    if found is None:
        raise Refusal(Code.NOT_FOUND, f"There is no administrator '{name}'.")
    return found


def _answer(write: Writing, name: str, status: int) -> JSONResponse:
    if write.dry_run:
        return write.preview()
    found = _find(write.services, name)
    return write.answer(_show(found), found.revision, status)


def _show(one: Administrator) -> dict[str, Any]:
    return {
        "name": one.name,
        "role": one.role,
        "disabled": one.disabled,
        "has_password": one.password is not None,
        "created_at": render_time(one.created_at),
        "revision": one.revision,
        "warnings": [],
    }
