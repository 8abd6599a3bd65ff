"""Who asks: a token, a session's cookie, or the command line on the gateway's own machine.

Rule 1: a request that has an `Authorization` is judged by that alone: a cookie never helps a wrong token.
Rule 2: a token can do no more than its administrator, nor its administrator more than the token that is used.
"""

from typing import NamedTuple

from starlette.requests import Request

from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.roles import Role, role_of
from exeat.admin.services import Services
from exeat.model.admin_token import digest, is_mistyped
from exeat.store.configuration.people import Administrator, find_administrator, find_session, find_token
from exeat.wire.fields import OWN_COOKIE

COOKIE = OWN_COOKIE.decode()
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Caller(NamedTuple):
    """Who asks, and what they may do. `session` is the digest of a session, `token` the id of a token.

    `ends_at` is when either of them ends (µs since 1970).
    """

    name: str
    role: Role
    session: str | None = None
    token: str | None = None
    ends_at: int | None = None

    @property
    def actor(self) -> str:
        """What records and revisions call them."""
        return self.name if self.token is None else f"{self.name}/{self.token}"

    @property
    def way(self) -> str:
        """How they have shown who they are."""
        if self.token is not None:
            return "token"
        return "local" if self.session is None else "session"


def find_caller(services: Services, request: Request) -> Caller:
    """Who asks; a Refusal if nobody can be told from it, or a write with a cookie comes from elsewhere."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _by_token(services, authorization)
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise Refusal(Code.NOT_AUTHENTICATED, "The request has neither a token nor a session's cookie.")
    caller = _by_session(services, cookie)
    if request.method not in SAFE:
        refuse_other_pages(request, is_browser=True)
    return caller


def _by_token(services: Services, authorization: str) -> Caller:
    scheme, _, text = authorization.partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Refusal(Code.NOT_AUTHENTICATED, "The Authorization isn't `Bearer` and a token.")
    if not text.isascii() or is_mistyped(text):
        raise Refusal(Code.NOT_AUTHENTICATED, "The token isn't well-formed: copy it again, whole.")
    return check_token(services, text)


def check_token(services: Services, text: str) -> Caller:
    """The caller who shows a token; a Refusal if it isn't good."""
    token = find_token(services.engine, digest(text))
    if token is None:
        raise Refusal(Code.NOT_AUTHENTICATED, "The token isn't known here.")
    if token.revoked_at is not None:
        raise Refusal(Code.NOT_AUTHENTICATED, "The token was revoked.")
    if token.expires_at is not None and token.expires_at <= services.now_us():
        raise Refusal(Code.NOT_AUTHENTICATED, "The token has expired.")
    owner = find_owner(services, token.administrator)
    role = min(role_of(token.role), role_of(owner.role))
    return Caller(owner.name, role, token=token.id, ends_at=token.expires_at)


def _by_session(services: Services, cookie: str) -> Caller:
    session = find_session(services.engine, digest(cookie))
    if session is None or session.expires_at <= services.now_us():
        raise Refusal(Code.NOT_AUTHENTICATED, "The session has ended: log in again.")
    owner = find_owner(services, session.administrator)
    return Caller(owner.name, role_of(owner.role), session=digest(cookie), ends_at=session.expires_at)


def find_owner(services: Services, name: str) -> Administrator:
    """The administrator behind a token or session, if there still is one."""
    owner = find_administrator(services.engine, name)
    if owner is None or owner.disabled:
        raise Refusal(Code.NOT_AUTHENTICATED, "The administrator is disabled or gone.")
    return owner


def refuse_other_pages(request: Request, *, is_browser: bool) -> None:
    """Refuse a write that another page has a browser send (cross-site request forgery).

    Browsers say where a request comes from, and no page can change that. Without `is_browser` a request that says
    nothing of it is a program's.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        allowed = site == "same-origin"
    elif origin is not None:
        scheme, _, host = origin.partition("://")
        allowed = host == request.headers.get("host") and scheme in (
            {"https"} if is_secure(request) else {"http", "https"}
        )
    else:
        allowed = not is_browser
    if not allowed:
        raise Refusal(Code.ORIGIN_REFUSED, "A write with a session has to come from this listener's own page.")


def is_secure(request: Request) -> bool:
    """Whether the caller came over TLS, be it that a trusted proxy ended it."""
    return bool(request.scope["scheme"] == "https")
