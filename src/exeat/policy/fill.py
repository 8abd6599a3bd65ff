"""A credential as a member of a request's JSON object, or as a field of its form.

Rule 1: everything else in the body stays as the caller wrote it, octet by octet: numbers, spaces, order.
Rule 2: what the caller wrote in the credential's place goes, however its name is spelled.
Rule 3: a body that can't hold the credential is refused: nothing leaves without it.
"""

import json
import re
from typing import Final, Never
from urllib.parse import quote_plus, unquote_to_bytes

from exeat.errors import Code, GatewayError
from exeat.model.signing import BodyField
from exeat.wire.fields import name_of, split_field
from exeat.wire.outgoing import Outgoing

JSON: Final = b"application/json"
FORM: Final = b"application/x-www-form-urlencoded"
WITH_BODY: Final = frozenset({b"POST", b"PUT", b"PATCH"})  # of these methods, a request without a body gets one
# They say what the body was before (RFC 9530, RFC 1864).
DIGESTS: Final = frozenset({b"content-digest", b"repr-digest", b"digest", b"content-md5"})

_SPACE: Final = re.compile(r"[ \t\n\r]*")


def check_place(method: bytes, *, has_body: bool) -> None:
    """Refuse a request without a body that can't have one either."""
    if not has_body and method not in WITH_BODY:
        raise _refusal(
            f"This upstream's credential goes into the body, and a {method.decode()} without one has no place for it.",
            "Send a request with a body.",
        )


def fill(outgoing: Outgoing, field: BodyField) -> Outgoing:
    """The request with the credential in its body, which has to be here whole; GatewayError where it can't be."""
    body = outgoing.body or b""
    check_place(outgoing.method, has_body=bool(body))
    known = {name_of(line): split_field(line)[1] for line in outgoing.lines}
    if known.get(b"content-encoding", b"identity").lower() != b"identity":
        raise _refusal(
            "This upstream's credential goes into the body, and the body is compressed.", "Send it as it is."
        )
    form = known.get(b"content-type", b"").partition(b";")[0].strip().lower()
    filled = _fill_json(body, field) if field.format == "json" else _fill_form(body, form, field)
    lines = [line for line in outgoing.lines if name_of(line) not in DIGESTS]
    if not form:
        lines.append(b"Content-Type: %b\r\n" % (JSON if field.format == "json" else FORM))
    return outgoing._replace(lines=lines, body=filled)


def _fill_json(body: bytes, field: BodyField) -> bytes:
    """Set a member of a JSON object as its last one, where parsers that don't tell case apart look as well."""
    try:
        members = _members(body.decode()) if body.strip() else []
    except (ValueError, RecursionError):
        # Not from its cause, which quotes the body.
        raise _refusal(
            "This upstream's credential goes into the body, which isn't a JSON object.",
            'Send an object, as in {"text": "…"}.',
        ) from None
    kept = [text for name, text in members if name != field.name]
    own = json.dumps(field.name) + ": " + json.dumps(field.secret.reveal())
    return ("{" + ",".join([*kept, own]) + "}").encode()


def _members(text: str) -> list[tuple[str, str]]:
    """The members of a JSON object: each one's name, and its text as it stands; ValueError unless it is one."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=str, parse_int=str)
    place = _after(text, _skip(text, 0), "{")
    members: list[tuple[str, str]] = []
    if text[_skip(text, place) : _skip(text, place) + 1] == "}":
        place = _skip(text, place)
    else:
        place -= 1
        while not members or text[place : place + 1] == ",":
            start = place + 1
            key = _skip(text, start)
            _after(text, key, '"')
            name, end = decoder.raw_decode(text, key)
            value = _skip(text, _after(text, _skip(text, end), ":"))
            place = decoder.raw_decode(text, value)[1]
            members.append((name, text[start:place]))
            place = _skip(text, place)
    end = _skip(text, _after(text, place, "}"))
    if end != len(text):
        raise ValueError("more than one value")
    return members


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match is not None else place


def _after(text: str, place: int, sign: str) -> int:
    if text[place : place + 1] != sign:
        raise ValueError("not JSON")
    return place + 1


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} isn't JSON")


def _fill_form(body: bytes, form: bytes, field: BodyField) -> bytes:
    if body and form not in {b"", FORM}:
        raise _refusal(
            "This upstream's credential goes into a form, and the body is of another type.",
            "Send it as application/x-www-form-urlencoded.",
        )
    name = field.name.encode()
    kept = [pair for pair in body.split(b"&") if _name_of_pair(pair) != name] if body else []
    own = f"{quote_plus(field.name)}={quote_plus(field.secret.reveal())}"
    return b"&".join([*kept, own.encode()])


def _name_of_pair(pair: bytes) -> bytes:
    return unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" "))


def _refusal(detail: str, hint: str) -> GatewayError:
    return GatewayError(Code.MALFORMED_REQUEST, detail, hint=hint, untouched=True)
