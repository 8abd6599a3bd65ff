"""The envelope: one uniform JSON request and response for every API (1-product §6).

A call becomes the head and body of an ordinary request, which then goes through the same phases as any other.
"""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import quote, urlencode

import orjson

from exeat.errors import Code, GatewayError
from exeat.wire.fields import name_of, render_field, split_field

BATCH_LIMIT = 50
_MEMBERS = frozenset(
    {"upstream", "url", "path", "method", "query", "headers", "json", "text", "form", "base64", "timeout"}
)
_BODIES = ("json", "text", "form", "base64")
_TYPES = {
    "json": b"application/json",
    "text": b"text/plain; charset=utf-8",
    "form": b"application/x-www-form-urlencoded",
    "base64": b"application/octet-stream",
}
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OWN_FIELDS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class Call(NamedTuple):
    """One call of an envelope: `upstream` and `path`, or `url`; `query` and fields are ready for the wire."""

    upstream: str | None
    url: bytes | None
    path: bytes
    query: bytes | None
    method: bytes
    fields: list[bytes]
    body: bytes | None
    timeout_s: float | None


def parse_envelope(body: bytes) -> tuple[list[Call], bool]:
    """The calls in an envelope, and whether they came as a batch; GatewayError says what is wrong."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _invalid("The body isn't JSON.") from error
    if not isinstance(value, list):
        return [_parse_call(value, "the envelope")], False
    if not 0 < len(value) <= BATCH_LIMIT:
        raise _invalid(f"A batch has 1 to {BATCH_LIMIT} calls.")
    return [_parse_call(item, f"call {place}") for place, item in enumerate(value)], True


def _parse_call(value: object, where: str) -> Call:
    if not isinstance(value, dict):
        raise _invalid(f"In {where}: a call is an object.")
    if unknown := sorted(set(value) - _MEMBERS):
        raise _invalid(f"In {where}: unknown member {unknown[0]!r}; known are {', '.join(sorted(_MEMBERS))}.")
    upstream, url, path = value.get("upstream"), value.get("url"), value.get("path", "/")
    if (upstream is None) == (url is None) or (url is not None and "path" in value):
        raise _invalid(f"In {where}: give either 'upstream' (with 'path') or 'url'.")
    if not all(isinstance(item, str) for item in (upstream or url, path)):
        raise _invalid(f"In {where}: 'upstream', 'path' and 'url' are text.")
    below, query = _query(str(path), value.get("query"), where)
    address, url_query = _query(str(url), value.get("query"), where) if url is not None else (None, None)
    fields, body = _body(value, _fields(value.get("headers"), where), where)
    if address is not None and url_query is not None:
        address += b"?" + url_query
    return Call(
        upstream, address, below, query, _method(value.get("method"), where), fields, body,
        _timeout(value.get("timeout"), where),
    )  # fmt: skip


def _method(value: object, where: str) -> bytes:
    if value is None:
        return b"GET"
    if not isinstance(value, str) or not value.isascii() or not value.replace("-", "").isalpha():
        raise _invalid(f"In {where}: 'method' is an HTTP method.")
    return value.upper().encode()


def _timeout(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:  # noqa: PLR2004 - a day
        raise _invalid(f"In {where}: 'timeout' is a number of seconds.")
    return float(value)


def _query(path: str, query: object, where: str) -> tuple[bytes, bytes | None]:
    """Path (or URL) and query apart, with `query` appended to what the path brought."""
    if "#" in path:
        raise _invalid(f"In {where}: a fragment is never sent; write '#' as %23.")
    text, mark, own = path.partition("?")
    parts = [own] if mark else []
    if query is not None:
        if not isinstance(query, dict):
            raise _invalid(f"In {where}: 'query' is an object.")
        parts.append(_encode_pairs(query, where))
    joined = "&".join(part for part in parts if part)
    start = _ORIGIN.match(text)
    origin = start[0] if start else ""  # left as it is: a host is made ASCII by rules of its own (UTS 46)
    visible = origin + quote(text[len(origin) :], safe="/:@!$&'()*+,;=%[]~\\")
    return visible.encode(), quote(joined, safe="/:@!$&'()*+,;=%[]~?\\").encode() if joined or mark else None


def _texts(value: object, what: str, where: str) -> list[str]:
    """A value as texts: text, a number, true and false are one, a list of them as many as it has."""
    return [_text(item, what, where) for item in (value if isinstance(value, list) else [value])]


def _text(value: object, what: str, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise _invalid(f"In {where}: the value of {what} is text, a number, true, false or a list of them.")


def _fields(value: object, where: str) -> list[bytes]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise _invalid(f"In {where}: 'headers' is an object.")
    fields: list[bytes] = []
    for name, item in value.items():
        if name.lower() in _OWN_FIELDS:
            continue  # Exeat writes these itself
        if not _NAME.fullmatch(name):
            raise _invalid(f"In {where}: {name!r} isn't the name of a header.")
        fields += [
            render_field(name.encode(), _octets(text, where)) for text in _texts(item, f"header {name!r}", where)
        ]
    return fields


def _encode_pairs(pairs: dict[str, object], where: str) -> str:
    return urlencode({name: _texts(item, repr(name), where) for name, item in pairs.items()}, doseq=True)


def _octets(text: str, where: str) -> bytes:
    if any((ord(character) < 0x20 and character != "\t") or character == "\x7f" for character in text):  # noqa: PLR2004
        raise _invalid(f"In {where}: a header holds a control character.")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise _invalid(f"In {where}: a header holds a character outside Latin-1.") from error


def _body(value: dict[str, object], fields: list[bytes], where: str) -> tuple[list[bytes], bytes | None]:
    given = [name for name in _BODIES if value.get(name) is not None]
    if not given:
        return fields, None
    if len(given) > 1:
        raise _invalid(f"In {where}: give one of {', '.join(_BODIES)}.")
    kind = given[0]
    body = _encode(kind, value[kind], where)
    if not any(name_of(line) == b"content-type" for line in fields):
        fields.append(render_field(b"Content-Type", _TYPES[kind]))
    return fields, body


def _encode(kind: str, content: object, where: str) -> bytes:
    if kind == "json":
        try:
            return orjson.dumps(content)
        except orjson.JSONEncodeError as error:  # deeper than orjson writes, though it reads it
            raise _invalid(f"In {where}: 'json' is nested too deeply.") from error
    if kind == "form":
        if not isinstance(content, dict):
            raise _invalid(f"In {where}: 'form' is an object.")
        return _encode_pairs(content, where).encode()
    if not isinstance(content, str):
        raise _invalid(f"In {where}: {kind!r} is text.")
    if kind == "text":
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid(f"In {where}: 'base64' isn't valid base64.") from error


def _invalid(detail: str) -> GatewayError:
    return GatewayError(Code.ENVELOPE_INVALID, detail)


def answer_of(status: int, fields: list[bytes], body: bytes, meta: dict[str, object]) -> dict[str, object]:
    """The answer to one call that the upstream answered."""
    headers: dict[str, str | list[str]] = {}
    cookies: list[str] = []
    for line in fields:
        if not line:
            continue  # a field that was read on the way and isn't passed on
        raw_name, raw_value = split_field(line)
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
            headers[name] = cookies
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    kind, content = _decode(body, str(headers.get("content-type", "")), "content-encoding" in headers)
    return {"ok": status < 400, "status": status, "headers": headers, kind: content, "meta": meta}  # noqa: PLR2004


def _decode(body: bytes, content_type: str, encoded: bool) -> tuple[str, object]:  # noqa: FBT001
    media = content_type.partition(";")[0].strip().lower()
    if not encoded:
        if not body:
            return "json", None
        if media == "application/json" or media.endswith("+json"):
            try:
                orjson.loads(body)
            except orjson.JSONDecodeError:
                pass
            else:
                return "json", orjson.Fragment(body)  # as it was sent: no depth is too deep, no number rounded
        try:
            if media.startswith("text/") or media.endswith(("json", "xml", "javascript", "x-www-form-urlencoded")):
                return "text", body.decode()
        except UnicodeDecodeError:
            pass
    return "base64", base64.b64encode(body).decode()


def failure_of(problem: dict[str, object], meta: dict[str, object]) -> dict[str, object]:
    """The answer to one call that the gateway refused or that failed."""
    return {"ok": False, "status": problem["status"], "headers": {}, "problem": problem, "meta": meta}


def render_answers(answers: list[dict[str, object]], *, batch: bool) -> bytes:
    """One answer, or the answers of a batch in the order of its calls."""
    return orjson.dumps(answers if batch else answers[0])
