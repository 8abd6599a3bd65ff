"""Changes of administrators and their tokens.

Rule 1: there is always somebody who can let others in: the last enabled administrator of that role stays.
Rule 2: who is gone or disabled has no session; who is gone has no token either, nor has one of the same name later.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from exeat.store.configuration.failure import ConflictError, ExistsError, InvalidError, NotFoundError, StaleError
from exeat.store.configuration.keep import KEEP, Kept
from exeat.store.configuration.people import Administrator
from exeat.store.configuration.tables import administrators, sessions, tokens
from exeat.store.configuration.work import Change, Work
from exeat.store.configuration.written import render_time

ROLES = ("viewer", "operator", "administrator")
FULL = "administrator"
KIND = "administrator"
TOKEN = "token"  # noqa: S105 - a kind of change


class FreshToken(NamedTuple):
    """A token that is to be known."""

    id: str
    sha256: str
    administrator: str
    role: str
    label: str
    expires_at: int | None


def put_administrator(
    work: Work,
    name: str,
    *,
    role: str,
    password: str | Kept | None,
    disabled: bool,
    version: int | None,
    create: bool,
) -> int:
    """Make or change an administrator; the version."""
    _refuse_role(role)
    before = _find(work.connection, name)
    if create and before is not None:
        raise ExistsError(f"There is an administrator '{name}' already.")
    _refuse_stale(before, name, version)
    is_new_password = password is not KEEP and (before is None or password != before.password)
    kept = (None if before is None else before.password) if password is KEEP else password
    created_at = work.now_us if before is None else before.created_at
    after = Administrator(name, role, kept, disabled, created_at, 0)
    if before is not None:
        _keep_one(work.connection, before, after)
    revision = _write(work, before, after, is_new_password=is_new_password)
    if disabled or is_new_password:
        work.write(delete(sessions).where(sessions.c.administrator == name))
    return revision


def remove_administrator(work: Work, name: str, *, version: int | None) -> None:
    """Remove an administrator, with the sessions and tokens."""
    before = _find(work.connection, name)
    if before is None:
        raise NotFoundError(f"There is no administrator '{name}'.")
    _refuse_stale(before, name, version)
    _keep_one(work.connection, before, None)
    work.note(Change(KIND, name, "delete", _show(before), None), before.revision)
    work.write(delete(administrators).where(administrators.c.name == name))
    work.write(delete(sessions).where(sessions.c.administrator == name))
    own = select(tokens.c.id).where(tokens.c.administrator == name, tokens.c.revoked_at.is_(None))
    for token_id in work.connection.execute(own.order_by(tokens.c.id)).scalars().all():
        revoke_token(work, token_id)


def add_token(work: Work, token: FreshToken) -> None:
    """Make a token of an administrator known."""
    _refuse_role(token.role)
    if _find(work.connection, token.administrator) is None:
        raise NotFoundError(f"There is no administrator '{token.administrator}'.")
    same = select(tokens.c.id).where(or_(tokens.c.id == token.id, tokens.c.sha256 == token.sha256))
    if work.connection.execute(same).first() is not None:
        raise ExistsError(f"There is a token '{token.id}' already.")
    values = {**token._asdict(), "created_at": work.now_us, "revoked_at": None}
    work.note(Change(TOKEN, token.id, "create", None, _show_token(values)))
    work.write(insert(tokens), values)


def revoke_token(work: Work, token_id: str) -> None:
    """Take a token back, for good."""
    row = work.connection.execute(select(tokens).where(tokens.c.id == token_id)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no token '{token_id}'.")
    if row["revoked_at"] is not None:
        return
    after = {**row, "revoked_at": work.now_us}
    work.note(Change(TOKEN, token_id, "revoke", _show_token(dict(row)), _show_token(after)))
    work.write(update(tokens).where(tokens.c.id == token_id).values(revoked_at=work.now_us))


def _write(work: Work, before: Administrator | None, after: Administrator, *, is_new_password: bool) -> int:
    shown = _show(after)
    noted = work.changes.get((KIND, after.name))
    if before is not None and (is_new_password or (noted is not None and "password" in (noted.after or ()))):
        shown["password"] = "changed"  # noqa: S105 - tells that, and not what
    action = "create" if before is None else "update"
    old, revision = (None, 0) if before is None else (_show(before), before.revision)
    revision = work.note(Change(KIND, after.name, action, old, shown), revision)
    values = {**after._asdict(), "revision": revision}
    if before is None:
        work.write(insert(administrators), values)
    else:
        work.write(update(administrators).where(administrators.c.name == after.name), values)
    return revision


def _keep_one(connection: Connection, before: Administrator, after: Administrator | None) -> None:
    """Refuse what would leave nobody who can administer administrators."""
    if not _is_full(before) or (after is not None and _is_full(after)):
        return
    others = select(func.count()).where(
        administrators.c.name != before.name,
        administrators.c.role == FULL,
        administrators.c.disabled.is_(False),
    )
    if connection.execute(others).scalar_one() == 0:
        raise ConflictError(f"'{before.name}' is the last enabled administrator: make another one first.")


def _is_full(one: Administrator) -> bool:
    return one.role == FULL and not one.disabled


def _refuse_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidError(f"There is no role '{role}'; there are {', '.join(ROLES)}.")


def _refuse_stale(present: Administrator | None, name: str, version: int | None) -> None:
    if version is not None and (present is None or present.revision != version):
        raise StaleError(f"The administrator '{name}' was changed or removed; look again.")


def _find(connection: Connection, name: str) -> Administrator | None:
    columns = (administrators.c[field] for field in Administrator._fields)
    row = connection.execute(select(*columns).where(administrators.c.name == name)).one_or_none()
    return None if row is None else Administrator(*row)


def _show(one: Administrator) -> dict[str, Any]:
    return {
        "role": one.role,
        "disabled": one.disabled,
        "has_password": one.password is not None,
        "created_at": render_time(one.created_at),
    }


def _show_token(values: dict[str, Any]) -> dict[str, Any]:
    shown = {name: values[name] for name in ("administrator", "role", "label")}
    return {**shown, **{name: render_time(values[name]) for name in ("expires_at", "revoked_at")}}
