"""A record's columns, read from its bytes: what a search finds it by.

Pure: the same bytes give the same columns, which is how verify() knows that nobody edited those.
A member of a wrong type or beyond a column's range counts as absent: the record is kept all the same, its bytes whole.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

ERROR_STATUS = 400
TEXT_LIMIT = 256  # characters; PostgreSQL refuses an entry of an index beyond 2700 bytes
PLAIN_BYTES = 1000  # no text of a record below this is too long for an index
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STATUS_LIMIT = 999
_COUNT_LIMIT = 2**31 - 1
_BIG_LIMIT = 2**63 - 1
_TEXTS = frozenset({str, type(None)})
_LENGTH_OF_MILLISECONDS = len("2026-01-31T23:59:59.000Z")


class Row(NamedTuple):
    """One row of `records`, in the order of its columns."""

    time: int  # µs
    id: str
    chain: str
    number: int
    kind: str
    outcome: str | None
    consumer: str | None
    key: str | None
    address: str | None
    upstream: str | None
    origin: str | None
    mode: str | None
    method: str | None
    path: str | None
    status: int | None
    error: str | None
    decision: str | None
    answered: str | None
    duration: int | None  # µs
    bytes_in: int | None
    bytes_out: int | None
    attempts: int
    cost: str | None
    trace: str | None
    actor: str | None
    action: str | None
    object: str | None
    body: bytes

    @property
    def has_failed(self) -> bool:
        """What figures call a failure: with an error's code, or answered with 400 and above (as in tables.FAILED)."""
        return self.error is not None or (self.status is not None and self.status >= ERROR_STATUS)


def parse_row(chain: str, number: int, body: bytes) -> Row:
    """The row of a record; ValueError if it isn't a JSON object with an id and a time."""
    members = orjson.loads(body)
    if type(members) is not dict:
        raise ValueError("it is no JSON object")
    get = members.get
    texts = [
        get("id"), get("kind"), get("outcome"), get("consumer"), get("key"), get("address"), get("upstream"),
        get("origin"), get("mode"), get("method"), get("path"), get("error"), get("decision"), get("cache"),
        get("trace"), get("actor"), get("action"), get("object"),
    ]  # fmt: skip
    if len(body) > PLAIN_BYTES or b"\\u0000" in body or not _TEXTS.issuperset(map(type, texts)):
        texts = _clean(texts)
    (
        id_, kind, outcome, consumer, key, address, upstream, origin, mode, method, path, error, decision, cache,
        trace, actor, action, object_,
    ) = texts  # fmt: skip
    if not id_:
        raise ValueError("it has no id")
    attempts = _count(get("attempts"))
    is_exchange = kind != "change"
    return Row(
        parse_time(get("time")), id_, chain, number, kind or "exchange", outcome, consumer, key, address, upstream,
        origin, mode, method, path, _whole(get("status"), _STATUS_LIMIT) or None, error, decision,
        _answered(error, cache, attempts) if is_exchange else None,
        _microseconds(get("duration_ms")), _whole(get("bytes_in")), _whole(get("bytes_out")), attempts,
        _cost(get("cost")), trace, actor, action, object_, body,
    )  # fmt: skip


def _clean(texts: Iterable[object]) -> list[Any]:
    """Texts that both databases can hold and index: PostgreSQL has no U+0000. The path is in no index."""
    cleaned = [text.replace("\0", "\ufffd") if isinstance(text, str) else None for text in texts]
    path = cleaned[_PATH]
    cleaned = [None if text is None else text[:TEXT_LIMIT] for text in cleaned]
    cleaned[_PATH] = path
    return cleaned


_PATH = 10  # the place of the path among the texts


def parse_time(value: object) -> int:
    """Microseconds since 1970 of an RFC 3339 time; ValueError if it is none."""
    if not isinstance(value, str):
        raise ValueError("it has no time")  # noqa: TRY004 - to the caller it is one more way to be no record
    if len(value) == _LENGTH_OF_MILLISECONDS and value[19] == "." and value[20:23].isdecimal() and value[23] == "Z":
        return _second(value[:19]) + int(value[20:23]) * 1000
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("its time has no zone")
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=1024)
def _second(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def render_time(time: int) -> str:
    """RFC 3339 in UTC with microseconds."""
    return (_EPOCH + time * _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _answered(error: str | None, cache: str | None, attempts: int) -> str:
    """Who answered: a failure that Exeat names is its own answer, and so is what no upstream was asked for."""
    if error is None and cache == "hit":
        return "cache"
    return "upstream" if error is None and attempts else "gateway"


def _count(value: object) -> int:
    return len(value) if type(value) is list else 0


def _whole(value: object, limit: int = _BIG_LIMIT) -> int | None:
    return value if type(value) is int and 0 <= value <= limit else None


def _microseconds(value: object) -> int | None:
    if type(value) is not float and type(value) is not int:
        return None
    return _whole(round(value * 1000))


def _cost(value: object) -> str | None:
    if type(value) is not dict:
        return None
    amount, currency = value.get("amount"), value.get("currency")
    return _money(amount, currency) if type(amount) is str and type(currency) is str else None


@lru_cache(maxsize=1024)
def _money(amount: str, currency: str) -> str | None:
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        return None
    is_code = currency.isascii() and currency.isalnum() and len(currency) <= _CURRENCY_LIMIT
    return f"{exact:f} {currency}" if is_code and _is_money(exact) else None


def _is_money(amount: Decimal) -> bool:
    """Whether an amount is one that sums keep exactly: 10^1000000 is none, and would be written out."""
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS_LIMIT and amount.adjusted() < _DIGITS_LIMIT


_CURRENCY_LIMIT = 12
_DIGITS_LIMIT = 24
