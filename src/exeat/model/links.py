"""Members of JSON bodies that hold URLs of the upstream: which ones are rewritten, and which may be called keyless."""

from typing import NamedTuple

from exeat.model.json_path import JsonPath


class SignedLinks(NamedTuple):
    """Members whose URLs are signed as well: who has one may call it without a key, by one method, for `lasts_s`."""

    names: tuple[str, ...]
    paths: tuple[JsonPath, ...]
    method: bytes
    lasts_s: float


class Links(NamedTuple):
    """By name, wherever they are (`names`), and by their place (`paths`); those in `signed` are none of these."""

    names: tuple[str, ...]
    paths: tuple[JsonPath, ...]
    signed: tuple[SignedLinks, ...] = ()
