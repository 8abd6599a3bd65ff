"""The first start: somebody has to be the first administrator, and be told once how to get in."""

from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from exeat.admin.failures import Audit
from exeat.admin.roles import Role
from exeat.admin.services import draw_symbols
from exeat.admin.writing import members_of, what_of
from exeat.model.admin_token import NewToken, adopt_token, make_token
from exeat.model.secret import Secret
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import Edit, editing
from exeat.store.configuration.people import list_administrators
from exeat.store.configuration.revisions import Change

FIRST = "admin"
START = Author("start", "the first start")


class NotRecordedError(Exception):
    """The first administrator can't be recorded, and so isn't made."""


def bootstrap(
    engine: Engine,
    token_setting: Secret | None,
    *,
    audit: Audit,
    now_us: int,
    symbols: Callable[[int], str] = draw_symbols,
) -> Secret | None:
    """Make the administrator `admin` with a token, if there is no administrator yet; `audit` records it before.

    Gives the token if it was made here, to be printed once; None if it is the setting's, or nothing was to be done.
    ValueError if the setting can't be a token.
    """
    recorded: list[Change] = []
    try:
        with editing(engine, START, now_us=now_us) as edit:
            if list_administrators(engine):
                return None
            made: NewToken = make_token(symbols) if token_setting is None else adopt_token(token_setting, symbols)
            _make_first(edit, made)
            _record(audit, edit.changes, recorded)
    except Exception:
        for change in reversed(recorded):
            audit(START.name, "undo", what_of(change), members_of(change.after), None)
        raise
    return made.token if token_setting is None else None


def _record(audit: Audit, changes: Sequence[Change], recorded: list[Change]) -> None:
    for change in changes:
        if not audit(START.name, change.action, what_of(change), None, members_of(change.after)):
            raise NotRecordedError("the first administrator can't be recorded, and so isn't made")
        recorded.append(change)


def _make_first(edit: Edit, made: NewToken) -> None:
    edit.put_administrator(FIRST, role=Role.ADMINISTRATOR.word, password=None, disabled=False)
    edit.add_token(
        id=made.id,
        administrator=FIRST,
        sha256=made.sha256,
        role=Role.ADMINISTRATOR.word,
        label="the first start",
        expires_at=None,
    )
