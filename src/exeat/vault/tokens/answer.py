"""Answers of token endpoints: the token in them (RFC 6749 §5.1), or why there is none (§5.2).

Rule 1: nothing that was sent is repeated in what is said of an answer; endpoints do echo secrets.
"""

import base64
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, quote_plus

import orjson

from exeat.model.secret import Secret
from exeat.vault.tokens.assertion import expiry_of
from exeat.vault.tokens.messages import Fetched, TokenAnswer, TokenError

CLOCKS_DIFFER_S: Final = 30.0
MOST_AGAIN_S: Final = 24 * 3600.0
LARGEST_BYTES: Final = 1 << 20  # of an answer once it is unpacked
_MARK: Final = b"\xef\xbb\xbf"  # a byte order mark
# How the codings of RFC 9110 §8.4.1 are unpacked; many servers send deflate without the wrapping that it is to have.
_WINDOWS: Final = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_PASSING_STATUSES: Final = frozenset({408, 425, 429})
_PASSING_CODES: Final = frozenset(
    {"temporarily_unavailable", "server_error", "slow_down", "rate_limited", "ratelimited"}
)
_ABOUT_IDENTITY: Final = frozenset({"invalid_grant", "invalid_client", "invalid_request"})
_PROOFS: Final = frozenset({"dpop", "mac", "pop"})
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9+/_=%~-]{24,}")
_DESCRIPTIONS: Final = ("error_description", "message", "error_summary", "detail")
_DETAIL_LENGTH: Final = 300
_SHORTEST_SECRET: Final = 4


def parse_token(
    answer: TokenAnswer,
    *,
    secrets: Iterable[Secret],
    now: float,
    signs: bool,
    name: str = "access_token",
) -> Fetched:
    """The token of an answer in JSON; TokenError without one. `signs`: the request was signed with a time in it."""
    found = parse_object(answer, secrets=secrets, now=now, signs=signs)
    token = found.get(name)
    if token is None and "error" in found:
        raise _refusal(answer, found, secrets=secrets, now=now, signs=signs)
    kind = found.get("token_type")
    if isinstance(kind, str) and kind.lower() in _PROOFS:
        message = f"The token endpoint gives tokens of the type {kind.lower()}, which Exeat can't present."
        raise TokenError(message, is_passing=False)
    new = found.get("refresh_token")
    return Fetched(
        check_token(token, name),
        check_life(_life(found, token, now)),
        Secret(new) if isinstance(new, str) and new else None,
    )


def parse_object(answer: TokenAnswer, *, secrets: Iterable[Secret], now: float, signs: bool) -> Mapping[str, Any]:
    """The JSON object of an answer that says that all is well; TokenError for every other answer."""
    found = _json(_plain(answer))
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - success
        raise _refusal(answer, found or {}, secrets=secrets, now=now, signs=signs)
    if found is None:
        kind = (answer.field(b"content-type") or "").partition(";")[0].strip().lower()
        shown = f" ({kind})" if re.fullmatch(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40}", kind) else ""
        coding = (answer.field(b"content-encoding") or "").lower()
        shown += f", in the coding {coding}" if re.fullmatch(r"[a-z0-9, -]{1,40}", coding) else ""
        message = f"The token endpoint answered {answer.status} with something other than a JSON object{shown}."
        raise TokenError(message, is_passing=True, again_in_s=_again(answer, now))
    return found


def check_token(token: object, name: str) -> Secret:
    """A token that can stand in a field; TokenError if it can't."""
    if not isinstance(token, str) or not token:
        raise TokenError(f"The token endpoint answered without a token (no '{name}').", is_passing=False)
    if not _TOKEN.fullmatch(token):
        raise TokenError("The token endpoint gave a token that can't stand in a field.", is_passing=False)
    return Secret(token)


def check_life(seconds: float | None) -> float | None:
    """A life that lasts; TokenError for one that is over."""
    if seconds is not None and seconds <= 0:
        raise TokenError("The token endpoint gave a token that has ended already.", is_passing=True)
    return seconds


def server_time(answer: TokenAnswer) -> float | None:
    """The endpoint's clock (s since 1970), by the field Date."""
    return _date(answer.field(b"date"))


def _refusal(
    answer: TokenAnswer, found: Mapping[str, Any], *, secrets: Iterable[Secret], now: float, signs: bool
) -> TokenError:
    status, theirs = answer.status, server_time(answer)
    code = _code(found, secrets)
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        message = f"The token endpoint answered {status}, a redirect, which isn't followed; write where it leads."
        return TokenError(message, is_passing=False)
    again = _again(answer, now)
    passing = status >= 500 or status in _PASSING_STATUSES or code in _PASSING_CODES  # noqa: PLR2004 - their failures
    differs = signs and theirs is not None and abs(theirs - now) > CLOCKS_DIFFER_S
    return TokenError(
        f"The token endpoint answered {status}{f' ({code})' if code else ''}.",
        is_passing=passing or again is not None,
        again_in_s=again,
        detail=_detail(found, secrets),
        server_time=theirs if differs and (code in _ABOUT_IDENTITY or status == 401) else None,  # noqa: PLR2004
    )


def _plain(answer: TokenAnswer) -> bytes:
    """The body without its coding, which wasn't asked for, and without a byte order mark; empty if it can't be had."""
    body = answer.body
    codings = [coding.strip().lower() for coding in (answer.field(b"content-encoding") or "").split(",")]
    for coding in reversed(codings):
        if coding not in {"", "identity"}:
            unpacked = (_unpack(body, window) for window in _WINDOWS.get(coding, ()))
            body = next((found for found in unpacked if found is not None), b"")
    return body.removeprefix(_MARK)


def _unpack(body: bytes, window: int) -> bytes | None:
    """What was compressed, as long as it isn't larger than an answer may be; None for what isn't that."""
    unpacking = zlib.decompressobj(window)
    try:
        found = unpacking.decompress(body, LARGEST_BYTES)
    except zlib.error:
        return None
    return found if unpacking.eof else None


def _json(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _code(found: Mapping[str, Any], secrets: Iterable[Secret]) -> str | None:
    """The error's code as RFC 6749 §5.2 has it, if it is one that can be shown."""
    code = found.get("error")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    return None if _without(code, secrets) != code else code


def _detail(found: Mapping[str, Any], secrets: Iterable[Secret]) -> str:
    for name in _DESCRIPTIONS:
        text = found.get(name)
        if isinstance(text, str) and text:
            plain = "".join(sign if sign.isprintable() else " " for sign in text)
            return _LONG_WORD.sub("…", _without(plain, secrets))[:_DETAIL_LENGTH]
    return ""


def _without(text: str, secrets: Iterable[Secret]) -> str:
    """Text without the secrets, as they are, percent-encoded, or in base64."""
    for secret in secrets:
        value = secret.reveal()
        if len(value) < _SHORTEST_SECRET:
            continue
        coded = base64.b64encode(value.encode()).decode().rstrip("=")
        for spelling in (value, quote(value, safe=""), quote_plus(value), coded):
            text = text.replace(spelling, "…")
    return text


def _life(found: Mapping[str, Any], token: object, now: float) -> float | None:
    """Seconds that a token lives; None where nobody says. 0 and less say nothing: some servers mean that it stays."""
    seconds = found.get("expires_in")
    if isinstance(seconds, str):
        seconds = float(seconds) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", seconds) else None
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return float(seconds)
    end = expiry_of(token) if isinstance(token, str) else None
    return None if end is None else end - now


def _again(answer: TokenAnswer, now: float) -> float | None:
    """Seconds until the endpoint allows another request, by Retry-After (RFC 9110 §10.2.3)."""
    value = answer.field(b"retry-after")
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), MOST_AGAIN_S)
    moment = _date(value)
    if moment is None:
        return None
    return min(max(0.0, moment - (server_time(answer) or now)), MOST_AGAIN_S)


def _date(value: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return None if moment is None else (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def ends_in(moment: object, answer: TokenAnswer, now: float) -> float | None:
    """Seconds until a time in ISO 8601, by the endpoint's clock where it shows one."""
    try:
        end = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    except ValueError:
        return None
    if end is None:
        return None
    return (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp() - (server_time(answer) or now)
