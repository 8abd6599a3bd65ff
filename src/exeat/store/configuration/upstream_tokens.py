"""Refresh tokens that upstreams have given in place of the ones in documents, shared by all instances, sealed.

Rule 1: who is about to use a refresh token holds its turn, so that none is ever used by two instances at once.
Rule 2: what is written rests on the version that was read: a turn that has run out changes nothing any more.
Rule 3: no turn is for ever: that of an instance which died ends at `held_until`.
Times are whole microseconds since 1970.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, bindparam, or_, select, text, update

from exeat.model.sealed import master_key_of
from exeat.store.configuration.tables import upstream_tokens
from exeat.store.database import reading, writing

_MAKE = text(
    "INSERT INTO upstream_tokens (grant_id, label, version, fetched_at, held_until)"
    " VALUES (:grant, :label, 0, 0, 0) ON CONFLICT DO NOTHING"
)
_BY_GRANT = select(upstream_tokens).where(upstream_tokens.c.grant_id == bindparam("grant"))


class KeptTokens(NamedTuple):
    """What is kept of one grant: its refresh token in force, and the access token that was fetched last, both sealed.

    `version` counts what was fetched; without a `refresh` the document's own is in force. `asked` tells for which
    scope the access token is; without `ends_at` nobody says when it ends.
    """

    version: int = 0
    refresh: bytes | None = None
    access: bytes | None = None
    asked: str | None = None
    ends_at: int | None = None
    fetched_at: int = 0


class Turn(NamedTuple):
    """Whether this instance may use the refresh token now, and what is kept of the grant."""

    is_mine: bool
    kept: KeptTokens


def read_tokens(engine: Engine, grant: str) -> KeptTokens:
    """What is kept of a grant."""
    with reading(engine) as connection:
        row = connection.execute(_BY_GRANT, {"grant": grant}).one_or_none()
    return KeptTokens() if row is None else _kept(row)


def take_turn(engine: Engine, grant: str, holder: str, *, label: str, now: int, until: int) -> Turn:
    """Take the turn of a grant, unless another instance holds it still; `label` is the upstream's name."""
    columns = upstream_tokens.c
    free = or_(columns.holder.is_(None), columns.holder == holder, columns.held_until <= now)
    taken = update(upstream_tokens).where(columns.grant_id == grant, free)
    with writing(engine) as connection:
        connection.execute(_MAKE, {"grant": grant, "label": label})
        is_mine = bool(connection.execute(taken.values(holder=holder, held_until=until, label=label)).rowcount)
        return Turn(is_mine, _kept(connection.execute(_BY_GRANT, {"grant": grant}).one()))


def keep_tokens(engine: Engine, grant: str, holder: str, kept: KeptTokens) -> bool:
    """Put down what was fetched in a turn, which rested on the version before, and end the turn.

    False where somebody else has fetched since: then theirs counts.
    """
    columns = upstream_tokens.c
    mine = (columns.grant_id == grant, columns.version == kept.version - 1)
    with writing(engine) as connection:
        values = {
            "version": kept.version,
            "refresh_sealed": kept.refresh,
            "access_sealed": kept.access,
            "asked": kept.asked,
            "ends_at": kept.ends_at,
            "fetched_at": kept.fetched_at,
        }
        is_kept = bool(connection.execute(update(upstream_tokens).where(*mine).values(values)).rowcount)
        connection.execute(_ended(grant, holder))
    return is_kept


def end_turn(engine: Engine, grant: str, holder: str) -> None:
    """Let somebody else have the turn."""
    with writing(engine) as connection:
        connection.execute(_ended(grant, holder))


def _ended(grant: str, holder: str) -> Any:
    columns = upstream_tokens.c
    this = update(upstream_tokens).where(columns.grant_id == grant, columns.holder == holder)
    return this.values(holder=None, held_until=0)


def count_tokens(engine: Engine) -> Counter[str]:
    """How many refresh tokens are sealed under each master key, by its id."""
    sealed = select(upstream_tokens.c.refresh_sealed).where(upstream_tokens.c.refresh_sealed.is_not(None))
    with reading(engine) as connection:
        return Counter(master_key_of(bytes(one)) for one in connection.execute(sealed).scalars())


def reseal_tokens(engine: Engine, master_key: str, reseal: Callable[[bytes, bytes], bytes | None]) -> list[str]:
    """Seal anew what isn't sealed under this master key (its id); the upstreams whose refresh tokens that were.

    `reseal` is given a sealed value and its context; where it gives None, the value stays. So does what is rotated
    meanwhile. An access token isn't sealed anew: it is forgotten, and another one fetched.
    """
    columns = upstream_tokens.c
    with reading(engine) as connection:
        rows = connection.execute(select(upstream_tokens).where(columns.refresh_sealed.is_not(None))).all()
    done = []
    for row in rows:
        sealed = bytes(row.refresh_sealed)
        if master_key_of(sealed) == master_key:
            continue
        new = reseal(sealed, refresh_context(row.grant_id))
        if new is None:
            continue
        same = (columns.grant_id == row.grant_id, columns.version == row.version)
        with writing(engine) as connection:
            changes = update(upstream_tokens).where(*same).values(refresh_sealed=new, access_sealed=None)
            if connection.execute(changes).rowcount:
                done.append(str(row.label))
    return done


def refresh_context(grant: str) -> bytes:
    """What a refresh token is sealed for."""
    return f"refresh token:{grant}".encode()


def access_context(grant: str) -> bytes:
    """What an access token is sealed for."""
    return f"access token:{grant}".encode()


def _kept(row: Row[Any]) -> KeptTokens:
    return KeptTokens(
        row.version,
        None if row.refresh_sealed is None else bytes(row.refresh_sealed),
        None if row.access_sealed is None else bytes(row.access_sealed),
        row.asked,
        row.ends_at,
        row.fetched_at,
    )
