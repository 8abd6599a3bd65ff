"""The Cookie field of a request (RFC 6265 §4.2.1), and one cookie of it that is Exeat's to set."""

from collections.abc import Iterator

from exeat.wire.fields import name_of, split_field

NAME = b"cookie"


def with_cookie(fields: list[bytes], cookie: bytes) -> list[bytes]:
    """The fields with a cookie (`name=value`) set: the caller's others stay, one of the same name goes.

    A `name` alone sets none, so that one of that name just goes.
    """
    name, has_value, _ = cookie.partition(b"=")
    kept = [pair for pair in pairs_of(fields) if pair.partition(b"=")[0].strip(b" \t") != name]
    pairs = [*kept, cookie] if has_value else kept
    others = [line for line in fields if name_of(line) != NAME]
    return [*others, b"Cookie: %b\r\n" % b"; ".join(pairs)] if pairs else others


def pairs_of(fields: list[bytes]) -> Iterator[bytes]:
    """Every `name=value` of all Cookie fields."""
    for line in fields:
        if name_of(line) == NAME:
            for pair in split_field(line)[1].split(b";"):
                if stripped := pair.strip(b" \t"):
                    yield stripped


def value_in(fields: list[bytes], name: bytes) -> Iterator[bytes]:
    """The values of all cookies of a name."""
    for pair in pairs_of(fields):
        found, _, value = pair.partition(b"=")
        if found.strip(b" \t") == name:
            yield value.strip(b' \t"')
