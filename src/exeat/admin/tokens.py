"""Tokens of administrators: for programs; each can do no more than who made it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from exeat.admin import answers
from exeat.admin.answering import changes, reads
from exeat.admin.caller import Caller
from exeat.admin.codes import Code
from exeat.admin.keys import VISIBLE, ExpiresAt, ExpiresIn, Label
from exeat.admin.paging import Paged, answer_page
from exeat.admin.refusal import Fault, Refusal
from exeat.admin.roles import PREFIX, Role, role_of
from exeat.admin.route import GuardedRoute, Members, looked_at_by
from exeat.admin.services import Services
from exeat.admin.shown import faults_of_expiry, parse_expiry, render_time, state_of
from exeat.admin.writing import Write, Writing
from exeat.model.admin_token import make_token
from exeat.store.configuration.people import Token, end_sessions, find_administrator, get_token, list_tokens

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["tokens"])
Id = Annotated[str, Path(max_length=64, description="The token's id, which is part of the token.")]


class TokenWanted(BaseModel):
    """A token to be made; one's own, with one's own role, unless it says otherwise."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    administrator: str | None = Field(
        default=None, max_length=63, pattern=VISIBLE, description="Whose; an administrator may say so."
    )
    role: answers.RoleWord | None = Field(default=None, description="At most one's own.")
    label: Label = ""
    expires_at: ExpiresAt = None
    expires_in: ExpiresIn = None


def _look(request: Request, members: Members) -> list[Fault]:
    """What is wrong with what is wished of a token, but for what its schema says."""
    services: Services = request.app.state.services
    caller: Caller = request.state.caller
    faults = faults_of_expiry(members, services.now_us())
    owner = members.get("administrator") or caller.name
    if owner != caller.name and caller.role < Role.ADMINISTRATOR:
        return faults  # who there is besides is no business of theirs
    if find_administrator(services.engine, owner) is None:
        faults.append(Fault("/administrator", f"there is no administrator '{owner}'"))
    most = _find_most(services, caller, owner)
    if members.get("role") is not None and role_of(members["role"]) > most:
        faults.append(Fault("/role", f"is more than {most.word}, which is the most that this token can have"))
    return faults


def _find_most(services: Services, caller: Caller, owner: str) -> Role:
    """The most that a token can do that is made by one and belongs to another."""
    found = find_administrator(services.engine, owner)
    return caller.role if found is None else min(caller.role, role_of(found.role))


@router.get("/tokens", operation_id="list_tokens", responses=reads(answers.Tokens))
def list_all(request: Request, page: Paged) -> JSONResponse:
    """One's own tokens, by id; for an administrator, everybody's."""
    services: Services = request.app.state.services
    caller: Caller = request.state.caller
    whose = None if caller.role is Role.ADMINISTRATOR else caller.name
    found = list_tokens(services.engine, administrator=whose, after=page.after, limit=page.limit + 1)
    return answer_page([_show(token, services.now_us()) for token in found], page.limit, "id")


@router.post(
    "/tokens",
    operation_id="create_token",
    status_code=201,
    responses=changes(answers.NewToken, status=201, versioned=False),
)
@looked_at_by(_look)
def create(request: Request, write: Write, wanted: TokenWanted) -> JSONResponse:
    """Make a token; the answer shows it this once."""
    services, caller = write.services, write.caller
    owner = wanted.administrator or caller.name
    if owner != caller.name and caller.role < Role.ADMINISTRATOR:
        raise Refusal(Code.ROLE_TOO_LOW, "Only an administrator makes tokens of others.")
    write.refuse(_look(request, wanted.model_dump()))
    expires_at = parse_expiry(wanted.expires_at, wanted.expires_in, services.now_us(), [])
    role = _find_most(services, caller, owner) if wanted.role is None else role_of(wanted.role)
    made = make_token(services.symbols)
    with write.edit(compiles=False) as edit:
        edit.add_token(
            id=made.id,
            administrator=owner,
            sha256=made.sha256,
            role=role.word,
            label=wanted.label,
            expires_at=_no_later(expires_at, caller),
        )
    if write.dry_run:
        return write.preview()
    return write.answer({**_show(_find(write, made.id), services.now_us()), "token": made.token.reveal()}, None, 201)


@router.delete(
    "/tokens/{id}",
    operation_id="revoke_token",
    status_code=204,
    responses=changes(None, Code.NOT_FOUND, versioned=False),
)
def revoke(write: Write, id: Id) -> Response:  # noqa: A002 - the name in the path
    """Take a token back, for good, and end its administrator's sessions, one of which it may have begun."""
    with write.edit(compiles=False) as edit:
        token = _find(write, id)
        edit.revoke_token(id)
    if write.dry_run:
        return write.preview()
    end_sessions(write.services.engine, token.administrator)
    return Response(status_code=204)


def _no_later(expires_at: int | None, caller: Caller) -> int | None:
    """A token that a token makes doesn't outlive it."""
    if caller.token is None or caller.ends_at is None:
        return expires_at
    return caller.ends_at if expires_at is None else min(expires_at, caller.ends_at)


def _find(write: Writing, id_: str) -> Token:
    token = get_token(write.services.engine, id_)
    if token is None or (write.caller.role < Role.ADMINISTRATOR and token.administrator != write.caller.name):
        raise Refusal(Code.NOT_FOUND, f"There is no token '{id_}' that you may see.")
    return token


def _show(token: Token, now_us: int) -> dict[str, Any]:
    return {
        "id": token.id,
        "administrator": token.administrator,
        "role": token.role,
        "label": token.label,
        "state": state_of(token.expires_at, token.revoked_at, now_us),
        "created_at": render_time(token.created_at),
        "expires_at": render_time(token.expires_at),
        "revoked_at": render_time(token.revoked_at),
        "last_used_at": render_time(token.last_used_at),
        "warnings": [],
    }
