"""The shape of an administrator's token: `exeat_admin_<id 12>_<secret 32><check 6>`, base62, kept as its SHA-256."""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from exeat.model.key import CHECK_LENGTH, ID_LENGTH, SECRET_LENGTH, check_of
from exeat.model.secret import Secret

PREFIX = "exeat_admin_"
LEAST_LENGTH = 32  # of a token that somebody else has made: its digest must not be found by trying
_SHAPE = re.compile(rb"exeat_admin_([0-9A-Za-z]{12})_[0-9A-Za-z]{38}")
_VISIBLE = re.compile(r"[!-~]+")


class NewToken(NamedTuple):
    """A token as it is made: the only moment at which its text exists on Exeat's side."""

    token: Secret
    id: str
    sha256: str


def make_token(symbols: Callable[[int], str]) -> NewToken:
    """A new token of random symbols."""
    id_ = symbols(ID_LENGTH)
    body = f"{PREFIX}{id_}_{symbols(SECRET_LENGTH)}"
    text = body + check_of(body.encode()).decode()
    return NewToken(Secret(text), id_, digest(text))


def adopt_token(text: Secret, symbols: Callable[[int], str]) -> NewToken:
    """A token that somebody else has chosen; ValueError if it is too short, or can't stand in a field."""
    revealed = text.reveal()
    if len(revealed) < LEAST_LENGTH or not _VISIBLE.fullmatch(revealed):
        raise ValueError(f"a token has at least {LEAST_LENGTH} visible ASCII characters, and no space")
    if is_mistyped(revealed):
        raise ValueError("it begins like a token of Exeat, but its check is wrong: copy it again")
    own = _SHAPE.fullmatch(revealed.encode())
    return NewToken(text, own[1].decode() if own else symbols(ID_LENGTH), digest(revealed))


def digest(text: str) -> str:
    """SHA-256 in hexadecimal digits: how tokens and sessions are kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_mistyped(text: str) -> bool:
    """Whether it claims to be a token of Exeat's making and can't be."""
    octets = text.encode()
    if not text.startswith(PREFIX):
        return False
    return _SHAPE.fullmatch(octets) is None or check_of(octets[:-CHECK_LENGTH]) != octets[-CHECK_LENGTH:]
