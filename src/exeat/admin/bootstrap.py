"""The first start: somebody has to be the first administrator, and be told once how to get in."""

from collections.abc import Callable

from sqlalchemy import Engine

from exeat.admin.roles import Role
from exeat.admin.services import draw_symbols
from exeat.admin.token import NewToken, adopt_token, make_token
from exeat.model.secret import Secret
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.configuration.people import list_administrators

FIRST = "admin"


def bootstrap(
    engine: Engine, token_setting: Secret | None, *, now_us: int, symbols: Callable[[int], str] = draw_symbols
) -> Secret | None:
    """Make the administrator `admin` with a token, if there is no administrator yet.

    Gives the token if it was made here, to be printed once; None if it is the setting's, or nothing was to be done.
    ValueError if the setting can't be a token.
    """
    with editing(engine, Author("start", "the first start"), now_us=now_us) as edit:
        if list_administrators(engine):
            return None
        made: NewToken = make_token(symbols) if token_setting is None else adopt_token(token_setting, symbols)
        edit.put_administrator(FIRST, role=Role.ADMINISTRATOR.word, password=None, disabled=False)
        edit.add_token(
            id=made.id,
            administrator=FIRST,
            sha256=made.sha256,
            role=Role.ADMINISTRATOR.word,
            label="the first start",
            expires_at=None,
        )
    return made.token if token_setting is None else None
