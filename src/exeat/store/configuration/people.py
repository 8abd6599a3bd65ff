"""Administrators, the tokens of programs and the sessions of people, as they are read; sessions make no revision."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Engine, bindparam, case, delete, insert, select, update

from exeat.store.configuration.serial import serialise
from exeat.store.configuration.tables import administrators, sessions, tokens
from exeat.store.database import reading, writing


class Administrator(NamedTuple):
    """Who may use the admin API; `password` is its Argon2 hash, None where there is only a token."""

    name: str
    role: str
    password: str | None
    disabled: bool
    created_at: int
    revision: int

    def __repr__(self) -> str:
        """Without the hash."""
        return f"Administrator({self.name!r}, {self.role!r})"


class Token(NamedTuple):
    """What may be known of a token. Times are in µs since 1970."""

    id: str
    administrator: str
    role: str
    label: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None


class Session(NamedTuple):
    """Somebody who has logged in; µs since 1970."""

    administrator: str
    created_at: int
    expires_at: int


_PEOPLE = select(*(administrators.c[name] for name in Administrator._fields))
_TOKENS = select(*(tokens.c[name] for name in Token._fields))
_SESSIONS = select(*(sessions.c[name] for name in Session._fields))


def list_administrators(engine: Engine, *, after: str | None = None, limit: int = 100) -> list[Administrator]:
    """Administrators by name, those after one."""
    query = _PEOPLE.order_by(administrators.c.name).limit(limit)
    if after is not None:
        query = query.where(administrators.c.name > after)
    with reading(engine) as connection:
        return [Administrator(*row) for row in connection.execute(query)]


def find_administrator(engine: Engine, name: str) -> Administrator | None:
    """One administrator."""
    with reading(engine) as connection:
        row = connection.execute(_PEOPLE.where(administrators.c.name == name)).one_or_none()
    return None if row is None else Administrator(*row)


def renew_password(engine: Engine, one: Administrator, password: str) -> None:
    """Keep another hash of the same password, unless there is another password by now: sessions stay."""
    same = administrators.c.name == one.name, administrators.c.password == one.password
    with writing(engine) as connection:
        connection.execute(update(administrators).where(*same).values(password=password))


def list_tokens(
    engine: Engine, *, administrator: str | None = None, after: str | None = None, limit: int = 100
) -> list[Token]:
    """Tokens by id, those after one."""
    query = _TOKENS.order_by(tokens.c.id).limit(limit)
    if administrator is not None:
        query = query.where(tokens.c.administrator == administrator)
    if after is not None:
        query = query.where(tokens.c.id > after)
    with reading(engine) as connection:
        return [Token(*row) for row in connection.execute(query)]


def find_token(engine: Engine, sha256: str) -> Token | None:
    """The token with this digest, whether or not it is still good."""
    return _find_token(engine, tokens.c.sha256 == sha256)


def get_token(engine: Engine, token_id: str) -> Token | None:
    """The token with this id."""
    return _find_token(engine, tokens.c.id == token_id)


def _find_token(engine: Engine, which: ColumnElement[bool]) -> Token | None:
    with reading(engine) as connection:
        row = connection.execute(_TOKENS.where(which)).one_or_none()
    return None if row is None else Token(*row)


def note_tokens_used(engine: Engine, used: Mapping[str, int]) -> None:
    """Note when tokens were last used, by their ids (µs since 1970); the latest counts."""
    if not used:
        return
    used_at = bindparam("used_at", type_=BigInteger())
    latest = case((tokens.c.last_used_at > used_at, tokens.c.last_used_at), else_=used_at)
    statement = update(tokens).where(tokens.c.id == bindparam("used_id")).values(last_used_at=latest)
    with writing(engine) as connection:
        serialise(connection)
        connection.execute(statement, [{"used_id": token_id, "used_at": time_us} for token_id, time_us in used.items()])


def find_session(engine: Engine, sha256: str) -> Session | None:
    """The session with this digest, whether or not it is over."""
    with reading(engine) as connection:
        row = connection.execute(_SESSIONS.where(sessions.c.sha256 == sha256)).one_or_none()
    return None if row is None else Session(*row)


def add_session(engine: Engine, *, sha256: str, administrator: str, created_at: int, expires_at: int) -> None:
    """Begin a session, and forget those that are over."""
    values = {"sha256": sha256, "administrator": administrator, "created_at": created_at, "expires_at": expires_at}
    with writing(engine) as connection:
        connection.execute(delete(sessions).where(sessions.c.expires_at <= created_at))
        connection.execute(insert(sessions), values)


def end_session(engine: Engine, sha256: str) -> None:
    """End a session, if there is one."""
    _end(engine, sessions.c.sha256 == sha256)


def end_sessions(engine: Engine, administrator: str) -> None:
    """End all sessions of an administrator."""
    _end(engine, sessions.c.administrator == administrator)


def _end(engine: Engine, which: ColumnElement[bool]) -> None:
    with writing(engine) as connection:
        connection.execute(delete(sessions).where(which))
