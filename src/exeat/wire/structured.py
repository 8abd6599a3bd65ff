"""Structured fields (RFC 9651): Lists of Items with parameters, to values and back.

Rule 1: strict, as the RFC wants it: a field that isn't wholly right is refused whole, so that nobody reads half of it.
Rule 2: of the types, those that Exeat meets: Strings, Tokens, Integers, Decimals, Booleans, Byte Sequences. Inner
Lists, Dates and Display Strings are refused.
Rule 3: time and memory are in proportion to the field, and a field is bounded.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

LIMIT_BYTES = 8192
INTEGER_LIMIT = 999_999_999_999_999
DECIMAL_LIMIT = 10**12  # what stands before the point is less
_THOUSANDTH = Decimal("0.001")

_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*+")
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*+")
_NUMBER = re.compile(r"-?[0-9]++(?:\.[0-9]*+)?+")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*+)"')
_BYTES = re.compile(r":([A-Za-z0-9+/=]*+):")
_BOOLEAN = re.compile(r"\?([01])")
_BETWEEN = re.compile(r"[ \t]*+,[ \t]*+")
_PRINTABLE = re.compile(r"[ -~]*+")
_ESCAPE = re.compile(r'\\(["\\])')
_INTEGER_DIGITS = 15
_DECIMAL_DIGITS = (12, 3)  # before and after the point


class Token(NamedTuple):
    """A short textual word that stands without quotes (RFC 9651 §3.3.4)."""

    text: str


Bare = int | Decimal | str | bytes | bool | Token


class Item(NamedTuple):
    """A value with its parameters, in their order."""

    value: Bare
    parameters: dict[str, Bare]


def parse_list(raw: bytes) -> list[Item]:
    """Parse a List of Items; an empty field is an empty List. ValueError says what is wrong with it, and where."""
    if len(raw) > LIMIT_BYTES:
        raise ValueError(f"The field has {len(raw)} bytes; {LIMIT_BYTES} is the most that is read.")
    if not raw.isascii():
        raise ValueError("The field holds a byte that isn't ASCII.")
    text = raw.decode("ascii").lstrip(" ").rstrip(" \t")
    items: list[Item] = []
    at = 0
    while text:
        item, at = _parse_item(text, at)
        items.append(item)
        if at == len(text):
            break
        between = _BETWEEN.match(text, at)
        if between is None or between.end() == len(text):
            raise _malformed("a comma and one more member", at)
        at = between.end()
    return items


def _parse_item(text: str, at: int) -> tuple[Item, int]:
    value, at = _parse_bare(text, at)
    parameters: dict[str, Bare] = {}
    while text.startswith(";", at):
        at += 1
        while text.startswith(" ", at):
            at += 1
        key = _KEY.match(text, at)
        if key is None:
            raise _malformed("the name of a parameter", at)
        at = key.end()
        parameter: Bare = True
        if text.startswith("=", at):
            parameter, at = _parse_bare(text, at + 1)
        parameters[key[0]] = parameter
    return Item(value, parameters), at


def _parse_bare(text: str, at: int) -> tuple[Bare, int]:
    """The value that begins at a place, and where it ends."""
    first = text[at : at + 1]
    if first == '"' and (found := _STRING.match(text, at)):
        return _ESCAPE.sub(r"\1", found[1]), found.end()
    if (first == "-" or first.isdigit()) and (found := _NUMBER.match(text, at)):
        return _number(found[0], at), found.end()
    if first == "?" and (found := _BOOLEAN.match(text, at)):
        return found[1] == "1", found.end()
    if first == ":" and (found := _BYTES.match(text, at)):
        return _octets(found[1], at), found.end()
    if found := _TOKEN.match(text, at):
        return Token(found[0]), found.end()
    raise _malformed("a value", at)


def _number(text: str, at: int) -> Bare:
    whole, point, fraction = text.lstrip("-").partition(".")
    if not point:
        if len(whole) > _INTEGER_DIGITS:
            raise _malformed(f"at most {_INTEGER_DIGITS} digits", at)
        return int(text)
    if len(whole) > _DECIMAL_DIGITS[0] or not 1 <= len(fraction) <= _DECIMAL_DIGITS[1]:
        raise _malformed("at most 12 digits, a point and 1 to 3 digits", at)
    return Decimal(text)


def _octets(text: str, at: int) -> bytes:
    """Decode base64; padding may be left out, but not stand elsewhere than at the end (RFC 9651 §4.2.7)."""
    bare = text.rstrip("=")
    try:
        return b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except Base64Error as error:
        raise _malformed("base64", at) from error


def _malformed(wanted: str, at: int) -> ValueError:
    return ValueError(f"Not a structured field: at byte {at} there should be {wanted}.")


def render_list(items: Sequence[Item]) -> bytes:
    """Write a List. ValueError says what can't be written."""
    return ", ".join(map(_render_item, items)).encode("ascii")


def _render_item(item: Item) -> str:
    text = _render_bare(item.value)
    for key, value in item.parameters.items():
        if _KEY.fullmatch(key) is None:
            raise ValueError(f"{key!r} isn't the name of a parameter: lower-case letters, digits, '_', '-', '.', '*'.")
        text += f";{key}" if value is True else f";{key}={_render_bare(value)}"
    return text


def _render_bare(value: Bare) -> str:
    if isinstance(value, bool):
        return "?1" if value else "?0"
    if isinstance(value, int):
        if abs(value) > INTEGER_LIMIT:
            raise ValueError(f"The integer {value} has more than {_INTEGER_DIGITS} digits.")
        return str(value)
    if isinstance(value, Decimal):
        return _render_decimal(value)
    if isinstance(value, bytes):
        return f":{b64encode(value).decode('ascii')}:"
    if isinstance(value, Token):
        if _TOKEN.fullmatch(value.text) is None:
            raise ValueError(f"{value.text!r} isn't a token; it begins with a letter or '*' and holds no space.")
        return value.text
    return quote(value)


def _render_decimal(value: Decimal) -> str:
    """Round to three places, half to even (RFC 9651 §4.1.5)."""
    if not value.is_finite() or abs(value) >= DECIMAL_LIMIT:
        raise ValueError(f"The decimal {value} has more than {_DECIMAL_DIGITS[0]} digits before the point.")
    rounded = value.quantize(_THOUSANDTH)
    if abs(rounded) >= DECIMAL_LIMIT:
        raise ValueError(f"The decimal {value} has more than {_DECIMAL_DIGITS[0]} digits before the point.")
    whole, _, fraction = f"{rounded:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def quote(text: str) -> str:
    """Write a String. ValueError if it holds what a String can't."""
    if _PRINTABLE.fullmatch(text) is None:
        raise ValueError(f"{text!r} holds a character that isn't printable ASCII.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
