"""When keys and tokens end, as it is written on a command line: a length of time from now, or a time."""

import re

_LENGTH = re.compile(r"[0-9]+[smhd]", re.ASCII)


def expiry_in(text: str | None) -> dict[str, str]:
    """The member of a body that says it; the API judges the value."""
    if text is None:
        return {}
    return {"expires_in": text} if _LENGTH.fullmatch(text) else {"expires_at": text}
