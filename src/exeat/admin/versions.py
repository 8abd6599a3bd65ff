"""`If-Match` and `If-None-Match` (RFC 9110 §13.1): a change says which version it is based on."""

import re
from typing import NamedTuple

from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal

_TAG = re.compile(r'\s*(W/)?"([^"]*)"\s*')
_NUMBER = re.compile(r"[0-9]{1,18}")


class Versions(NamedTuple):
    """What a change is based on. `match` are versions (None for any that exists), if it says so at all."""

    is_based: bool = False
    match: frozenset[int] | None = None
    is_new: bool = False

    def judge(self, present: int | None, what: str) -> None:
        """Refuse a change of `what`, whose version is `present` (None: it doesn't exist), if it is based on another."""
        if present is None:
            if self.is_based:
                raise Refusal(Code.STALE, f"There is no {what} any more.")
            return
        if self.is_new:
            raise Refusal(Code.STALE, f"There is a {what} already.")
        if not self.is_based:
            raise Refusal(Code.VERSION_MISSING, f"There is a {what}; a change of it needs If-Match: {tag(present)}.")
        if self.match is not None and present not in self.match:
            raise Refusal(Code.STALE, f"The version of {what} is {tag(present)} now.")

    def judge_if_based(self, present: int, what: str) -> None:
        """As `judge`, where a change may be made without having seen what is there."""
        if self.is_based:
            self.judge(present, what)


def parse_versions(if_match: str | None, if_none_match: str | None) -> Versions:
    """What two fields say; a Refusal if they can't be understood."""
    if if_none_match is not None and if_none_match.strip() != "*":
        raise Refusal(Code.MALFORMED_REQUEST, "If-None-Match of a change can only be `*`.")
    is_new = if_none_match is not None
    if if_match is None:
        return Versions(is_new=is_new)
    if if_match.strip() == "*":
        return Versions(is_based=True, is_new=is_new)
    parts = [_TAG.fullmatch(part) for part in if_match.split(",")]
    if not all(parts):
        raise Refusal(Code.MALFORMED_REQUEST, 'If-Match has entity tags, in their quotes: If-Match: "7".')
    # A weak tag never matches here (RFC 9110 §13.1.1), nor does one that was never given.
    strong = [part[2] for part in parts if part and not part[1]]
    match = frozenset(int(text) for text in strong if _NUMBER.fullmatch(text))
    return Versions(is_based=True, match=match, is_new=is_new)


def tag(revision: int) -> str:
    """An entity tag (RFC 9110 §8.8.3)."""
    return f'"{revision}"'


# How a version is documented, and what names one.
TAGS = r'^(\*|(W/)?"[^",]*"( *, *(W/)?"[^",]*")*)$'
ETAG = {"ETag": {"description": "The version, for `If-Match`.", "schema": {"type": "string"}}}
