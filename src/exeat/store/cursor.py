"""Cursors: where a list of records is to be read on, opaque to whoever holds one."""

import base64
import binascii

from exeat.store.failure import StoreError


def render_cursor(*parts: int | str) -> str:
    """A cursor: opaque to whoever holds it."""
    return base64.urlsafe_b64encode(" ".join(map(str, parts)).encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> tuple[int, str]:
    """The parts of a cursor; StoreError if it is none of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        number, _, rest = text.partition(" ")
        return int(number), rest
    except (binascii.Error, ValueError):
        raise StoreError("The cursor isn't one that a search gave; search again without it.") from None
