"""`exeat key create`: a new key, shown this once; made in the database, or for the document, which then knows it."""

import json
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exeat.cli.admin.api import Api, ApiError, path_of
from exeat.cli.admin.keys import make_key as make_there
from exeat.cli.admin.keys import show_new
from exeat.cli.admin.naming import NOT_FOUND, named
from exeat.cli.admin.reach import guarded, open_api
from exeat.cli.aws_pair import REMOTE, derive_pair, members_of, render_pair
from exeat.cli.limit_option import parse_limit
from exeat.cli.output import FINE, complain, say, say_json
from exeat.config.grammar import NAME
from exeat.config.problem import Problem, suggest
from exeat.config.settings import Settings, read_settings
from exeat.model.aws_pair import AwsPair
from exeat.model.key import ALPHABET, ID_LENGTH, SECRET_LENGTH, NewKey, make_key
from exeat.vault.keyring import KeyringError


class Wanted(NamedTuple):
    """What a key is to be. Without a consumer it is for the document."""

    consumer: str | None
    label: str = ""
    expires: str | None = None
    networks: tuple[str, ...] = ()
    limits: tuple[Mapping[str, object], ...] = ()
    aws: bool = False


def create(wanted: Wanted, limits: Iterable[str] = (), *, prints_only: bool, as_json: bool) -> int:
    """Make a key where its consumer is known; else print one, of which nothing is kept.

    `limits` are written as on a command line: `rate: 100/minute`.
    """
    parsed = [parse_limit(text) for text in limits]
    wrong = [limit for limit in parsed if isinstance(limit, Problem)]
    if wrong:
        return complain(wrong)
    wanted = wanted._replace(limits=tuple(limit for limit in parsed if not isinstance(limit, Problem)))
    consumer = wanted.consumer
    if consumer is not None and not re.fullmatch(NAME, consumer):
        return complain([f"'{consumer}' can't be a consumer's name; write it as in web-shop"])

    def work() -> int:
        settings = None if consumer is None or prints_only else read_settings()
        if settings is not None and (settings.control_url is not None or settings.has_database()):
            is_made = _make_there(settings, wanted, str(consumer), as_json=as_json)
            if is_made:
                return FINE
        return _print(wanted, as_json=as_json)

    return guarded(work)


def _make_there(settings: Settings, wanted: Wanted, consumer: str, *, as_json: bool) -> bool:
    """Make the key in the database; False where that doesn't know the consumer yet, and the document could."""
    with open_api(settings) as api:
        if settings.control_url is None and not _knows(api, consumer):
            return False
        with named(api, "/consumers", consumer):
            api.get(path_of("consumers", consumer))
        body = make_there(api, consumer, wanted.label, wanted.expires, wanted.networks, wanted.limits, aws=wanted.aws)
    show_new(body, "It works within a second.", as_json=as_json)
    return True


def _knows(api: Api, consumer: str) -> bool:
    try:
        api.get(path_of("consumers", consumer))
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        near = suggest(consumer, [str(one["name"]) for one in api.items("/consumers")])
        sys.stderr.write(f"exeat: there is no consumer '{consumer}' yet, so this key is for the document{near}\n")
        return False
    return True


def _print(wanted: Wanted, *, as_json: bool) -> int:
    made = make_key("".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH + SECRET_LENGTH)))
    pair = _derive(made.id) if wanted.aws else None
    if as_json:
        say_json(made._asdict() if pair is None else {**made._asdict(), "aws": members_of(pair)})
        return FINE
    say(_render(made, wanted))
    if pair is not None:
        say(f"\nFor clients of AWS:\n{render_pair(pair)}")
    return FINE


def _derive(key_id: str) -> AwsPair:
    """The pair of a key that is for the document of the gateway here."""
    settings = read_settings()
    if settings.control_url is not None:
        raise KeyringError(REMOTE)
    return derive_pair(settings, key_id)


def _render(made: NewKey, wanted: Wanted) -> str:
    consumer = wanted.consumer or "my-app"
    more = "" if wanted.expires is None else f", expires: {json.dumps(wanted.expires)}"
    more += f", networks: {json.dumps(list(wanted.networks))}" if wanted.networks else ""
    more += f", limits: {json.dumps(list(wanted.limits), ensure_ascii=False)}" if wanted.limits else ""
    return f"""\
{made.key}

This is the only time the key is shown: give it to whoever runs {consumer}.
The document needs its SHA-256 alone:

consumers:
  {consumer}:
    keys:
      - {{id: {made.id}, sha256: {made.sha256}{more}}}
    grants: []  # what it may call: names of upstreams, or destinations
"""
