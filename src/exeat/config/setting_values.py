"""The values of settings: text of a variable into what the process uses; a ValueError says what to write."""

import os
import re
from collections.abc import Callable
from ipaddress import ip_network
from urllib.parse import urlsplit

from exeat.config.listen import Listen, parse_listen, parse_listens
from exeat.model.admin_token import LEAST_LENGTH, is_mistyped
from exeat.model.secret import Secret
from exeat.model.upstream import Network
from exeat.state.redis_address import parse_redis_address
from exeat.vault.keyring import KeyringError, parse_keyring

WORKERS_LIMIT = 256
TRACES_PATH = "/v1/traces"
HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+=[\x21-\x2b\x2d-\x7e](?:[\x20-\x2b\x2d-\x7e]*[\x21-\x2b\x2d-\x7e])?")
SHARE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
MEMORY = re.compile(r"([0-9]{1,6})(MiB|GiB)")
MEMORY_UNITS = {"MiB": 1024**2, "GiB": 1024**3}
MEMORY_WORDS = {"auto": None, "off": 0}
LEAST_MEMORY = 32 * 1024**2  # a worker that serves nothing takes more
MOST_MEMORY = 1024**4


def to_workers(value: object) -> int:
    """A number of processes, or `auto`."""
    if value == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    text = str(value)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= WORKERS_LIMIT):
        raise ValueError(f"write a number from 1 to {WORKERS_LIMIT}, or auto")
    return int(text)


def to_networks(value: object) -> tuple[Network, ...]:
    """Networks, comma-separated."""
    try:
        return tuple(ip_network(part.strip()) for part in str(value).split(",") if part.strip())
    except ValueError as error:
        raise ValueError("write networks as 10.0.0.0/8, comma-separated") from error


def to_seconds(value: object) -> float:
    """A number of seconds, at most a day."""
    text = str(value).strip().removesuffix("s")
    try:
        seconds = float(text)
    except ValueError as error:
        raise ValueError("write a number of seconds, as in 30") from error
    if not 0 <= seconds <= 86400:  # noqa: PLR2004 - a day
        raise ValueError("write a number of seconds between 0 and 86400")
    return seconds


def whole(least: int, most: int) -> Callable[[object], int]:
    """A validator of whole numbers within bounds; `_` may group digits, as in 50_000."""

    def parse(value: object) -> int:
        text = str(value).strip().replace("_", "")
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"write a whole number from {least} to {most}")
        return int(text)

    return parse


def to_connections(value: object) -> int | None:
    """A number of connections; None for `auto`."""
    if value == "auto":
        return None
    try:
        return whole(1, 1_000_000)(value)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from error


def to_in_flight(value: object) -> int | None:
    """A number of exchanges; None for `off`."""
    if value == "off":
        return None
    try:
        return whole(1, 1_000_000)(value)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from error


def to_memory(value: object) -> int | None:
    """Bytes of `512MiB` or `2GiB`; None for `auto`, 0 for `off`."""
    text = str(value).strip()
    if text in MEMORY_WORDS:
        return MEMORY_WORDS[text]
    found = MEMORY.fullmatch(text)
    bytes_ = int(found[1]) * MEMORY_UNITS[found[2]] if found else 0
    if not LEAST_MEMORY <= bytes_ <= MOST_MEMORY:
        raise ValueError("write a size from 32MiB to 1024GiB, as in 512MiB or 2GiB, or auto, or off")
    return bytes_


def to_database_url(value: object) -> Secret:
    """The URL of a database that Exeat can use."""
    text = str(value).strip()
    if not text.startswith(("postgresql://", "sqlite:///")):
        raise ValueError("write postgresql://user:password@host/name, or sqlite:////path/of/exeat.db")
    return Secret(text)


def to_redis_url(value: object) -> Secret:
    """The URL of a Redis server or cluster."""
    text = str(value).strip()
    parse_redis_address(text)
    return Secret(text)


def to_control_url(value: object) -> str:
    """Where a control listener is: its URL without a path, or `unix:PATH`; no plaintext to another machine."""
    text = str(value).strip().removesuffix("/")
    if text.startswith("unix:"):
        return str(parse_listen(text))
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.path or parts.query:
        raise ValueError("write https://host:port, http://127.0.0.1:8081 on this machine, or unix:PATH")
    if is_plaintext_elsewhere(text):
        raise ValueError(
            f"http://{parts.netloc} is on another machine, so the token would travel in plaintext; write https"
        )
    return text


def is_plaintext_elsewhere(url: str) -> bool:
    """Whether what is sent to a URL can be read on its way to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not Listen(parts.hostname or "").is_local


def to_otlp_url(value: object) -> str:
    """Where spans are sent: the URL of a collector, with the path of the standard unless it has it already."""
    text = str(value).strip().removesuffix("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ValueError("write the URL of a collector, as in http://127.0.0.1:4318; keys belong in EXEAT_OTLP_HEADERS")
    return text if parts.path.endswith(TRACES_PATH) else text + TRACES_PATH


def to_headers(value: object) -> Secret:
    """Header fields, as in `api-key=abc,team=shop`."""
    text = str(value).strip()
    for part in text.split(","):
        if not HEADER.fullmatch(part.strip()):
            raise ValueError("write NAME=VALUE, comma-separated, as in api-key=abc")
    return Secret(text)


def to_share(value: object) -> float:
    """A share of all, from 0 to 1."""
    text = str(value).strip()
    if not SHARE.fullmatch(text) or float(text) > 1:
        raise ValueError("write a number from 0 to 1, as in 0.1")
    return float(text)


def to_token(value: object) -> Secret:
    """A token that can't be guessed."""
    text = str(value).strip()
    if len(text) < LEAST_LENGTH or not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError(f"write at least {LEAST_LENGTH} visible ASCII characters, as from: openssl rand -hex 32")
    return Secret(text)


def to_admin_token(value: object) -> Secret:
    """A token for the admin API: if it looks like one that Exeat has made, it is one."""
    token = to_token(value)
    if is_mistyped(token.reveal()):
        raise ValueError("it begins like a token of Exeat, but its check is wrong: copy it again, or write another one")
    return token


def to_keyring(value: object) -> Secret:
    """Master keys, or the file that holds them."""
    text = str(value).strip()
    if text.startswith("file:"):
        if not text.removeprefix("file:"):
            raise ValueError("write file:PATH, or master keys, comma-separated")
        return Secret(text)
    try:
        parse_keyring(text)
    except KeyringError as error:
        raise ValueError(str(error)) from None
    return Secret(text)


def to_word(value: object) -> object:
    """A word, in any case."""
    """Accept a choice in any case."""
    return value.lower() if isinstance(value, str) else value


def to_listens(value: object) -> tuple[Listen, ...]:
    """Addresses to listen on."""
    return parse_listens(str(value))


def to_listen(value: object) -> Listen | None:
    """An address to listen on; None for `off`."""
    return None if value == "off" else parse_listen(str(value))
