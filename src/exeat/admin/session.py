"""Sessions: people log in with a password or a token and get a cookie; programs send their token and need none."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from exeat.admin import answers
from exeat.admin.answering import changes, ends, makes, reads
from exeat.admin.caller import COOKIE, Caller, check_token, is_secure, refuse_other_pages
from exeat.admin.codes import Code
from exeat.admin.failures import NOBODY, Failures, LogInFailure, count_attempts, shorten
from exeat.admin.passwords import faults_of
from exeat.admin.refusal import Fault, Refusal, invalid
from exeat.admin.roles import PREFIX, role_of
from exeat.admin.route import GuardedRoute
from exeat.admin.services import Services
from exeat.admin.shown import render_time
from exeat.admin.throttle import Throttle
from exeat.admin.writing import Write
from exeat.model.admin_token import digest
from exeat.model.secret import Secret
from exeat.store.configuration.people import (
    Administrator,
    add_session,
    end_session,
    end_sessions,
    find_administrator,
    find_token,
    renew_password,
)

router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=["session"])
LASTS_S = 12 * 3600
PATH = PREFIX  # cookies don't know ports: nothing else at this host, such as the gateway, is to get it
SYMBOLS = 43  # 256 bits
WRONG = "There is no such administrator, or the password isn't right."


class LogIn(BaseModel):
    """A name and a password, or a token in place of both."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str | None = Field(default=None, max_length=63)
    password: str | None = Field(default=None, max_length=1024)
    token: str | None = Field(default=None, max_length=1024)


class NewPassword(BaseModel):
    """One's own password, and the one that comes after it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    current: str = Field(max_length=1024)
    new: str = Field(max_length=1024)


@router.get("/session", operation_id="get_session", responses=reads(answers.Session))
def get_one(request: Request) -> JSONResponse:
    """Who asks, and what they may do."""
    return JSONResponse(_show(request.state.caller))


@router.post(
    "/session",
    operation_id="log_in",
    status_code=201,
    responses=makes(
        answers.Session, Code.LOG_IN_FAILED, Code.TOO_MANY_ATTEMPTS, Code.OVERLOADED, Code.ORIGIN_REFUSED, Code.INVALID
    ),
)
def log_in(request: Request, body: LogIn) -> JSONResponse:
    """Begin a session: its cookie is for this listener alone, and no script can read it."""
    services: Services = request.app.state.services
    refuse_other_pages(request, is_browser=False)
    throttle: Throttle = request.app.state.throttle
    address = request.client.host if request.client else "local"
    account = body.name if body.token is None else "with a token"
    if account is None or (body.token is None) == (body.password is None):
        raise invalid(Fault("", "needs a name and a password, or a token"))
    wait_s = throttle.enter(address, account)
    if wait_s:
        message = f"Too many log-ins from this address have failed; wait {int(wait_s) + 1} s."
        raise Refusal(Code.TOO_MANY_ATTEMPTS, message, retry_after_s=wait_s)
    try:
        if body.token is not None:
            caller = _by_token(services, body.token)
        else:
            caller = _by_password(services, account, Secret(body.password or ""))
    except LogInFailure as failure:
        failures: Failures = request.app.state.failures
        waited = throttle.take_waited(address)
        failures.record("log-in-failed", failure.actor, address=address, reason=failure.reason, waited=waited)
        raise
    waited = throttle.take_waited(address)
    throttle.succeed(address, account)
    return _begin(request, caller, {"address": address, **count_attempts(waited=waited)})


def _by_password(services: Services, name: str, password: Secret) -> Caller:
    found = find_administrator(services.engine, name) if "\0" not in name else None
    is_right = services.passwords.verify(None if found is None else found.password, password)
    if found is None:
        raise LogInFailure(WRONG, actor=shorten(name), reason="there is no such administrator")
    if not is_right or found.disabled:
        reason = "the administrator is disabled" if is_right else "the password is wrong"
        raise LogInFailure(WRONG, actor=found.name, reason=reason)
    _renew(services, found, password)
    return Caller(found.name, role_of(found.role))


def _renew(services: Services, found: Administrator, password: Secret) -> None:
    """Keep a hash with today's parameters, where the one that is kept has others; it is the same password."""
    renewed = None if found.password is None else services.passwords.renew(found.password, password)
    if renewed is not None:
        renew_password(services.engine, found, renewed)


def _by_token(services: Services, token: str) -> Caller:
    try:
        caller = check_token(services, token)
    except Refusal as error:
        known = find_token(services.engine, digest(token))
        actor = NOBODY if known is None else f"{known.administrator}/{known.id}"
        raise LogInFailure(error.detail, actor=actor, reason=error.detail) from error
    owner = find_administrator(services.engine, caller.name)
    if owner is None or role_of(owner.role) != caller.role:
        detail = "A token with a lower role than its administrator's can't begin a session."
        raise LogInFailure(detail, actor=caller.actor, reason=detail)
    return caller


def _begin(request: Request, caller: Caller, noted: Mapping[str, object]) -> JSONResponse:
    services: Services = request.app.state.services
    text = services.symbols(SYMBOLS)
    now = services.now_us()
    ends_at = min(now + LASTS_S * 1_000_000, caller.ends_at or 2**62)
    add_session(services.engine, sha256=digest(text), administrator=caller.name, created_at=now, expires_at=ends_at)
    services.audit(caller.actor, "log-in", f"administrator/{caller.name}", None, noted)
    session = Caller(caller.name, caller.role, session=digest(text), ends_at=ends_at)
    response = JSONResponse(_show(session), 201)
    lasts = (ends_at - now) // 1_000_000
    response.set_cookie(
        COOKIE, text, max_age=lasts, path=PATH, secure=is_secure(request), httponly=True, samesite="strict"
    )
    return response


@router.delete("/session", operation_id="log_out", status_code=204, responses=ends(Code.ORIGIN_REFUSED))
def log_out(request: Request) -> Response:
    """End the session whose cookie is sent."""
    services: Services = request.app.state.services
    caller: Caller = request.state.caller
    response = Response(status_code=204)
    if caller.session is not None:
        end_session(services.engine, caller.session)
        services.audit(caller.actor, "log-out", f"administrator/{caller.name}", None, None)
        response.delete_cookie(COOKIE, path=PATH, secure=is_secure(request), httponly=True, samesite="strict")
    return response


@router.put(
    "/session/password",
    operation_id="change_own_password",
    status_code=204,
    responses=changes(None, Code.TOO_MANY_ATTEMPTS, versioned=False),
)
def change_password(request: Request, write: Write, body: NewPassword) -> Response:
    """Change one's own password, which ends all of one's sessions."""
    services = write.services
    throttle: Throttle = request.app.state.throttle
    name = write.caller.name
    found = find_administrator(services.engine, name)
    faults = faults_of(body.new, name, "/new")
    address = request.client.host if request.client else "local"
    wait_s = throttle.enter(address, name)
    if wait_s:
        raise Refusal(Code.TOO_MANY_ATTEMPTS, "Too many passwords were wrong; wait.", retry_after_s=wait_s)
    if found is None or not services.passwords.verify(found.password, Secret(body.current)):
        failures: Failures = request.app.state.failures
        waited, reason = throttle.take_waited(address), "the current password is wrong"
        failures.record("password-change-failed", write.caller.actor, address=address, reason=reason, waited=waited)
        raise invalid(Fault("/current", "isn't the password"), *faults)
    throttle.succeed(address, name)
    write.refuse(faults)
    set_password(write, found, Secret(body.new))
    return write.preview() if write.dry_run else Response(status_code=204)


def set_password(write: Write, found: Administrator, password: Secret) -> None:
    """Give an administrator another password."""
    kept = write.services.passwords.hash(password)
    with write.edit(compiles=False) as edit:
        edit.put_administrator(found.name, role=found.role, password=kept, disabled=found.disabled)
    if not write.dry_run:
        end_sessions(write.services.engine, found.name)


def _show(caller: Caller) -> dict[str, Any]:
    return {
        "administrator": caller.name,
        "role": caller.role.word,
        "way": caller.way,
        "expires_at": render_time(caller.ends_at),
    }
