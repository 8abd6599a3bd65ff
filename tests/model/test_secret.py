"""A secret gives itself away in no way but the two that are named for it."""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from io import StringIO
from pprint import pformat

import orjson
import pytest

from exeat.config.handover import dumps, loads
from exeat.errors import Code, GatewayError
from exeat.model.credential import Basic, Bearer, Header, Kind, Query
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import TlsIdentity
from exeat.policy.inject import prepare
from exeat.telemetry.logs import Log
from tests.support.values import destination, origin, snapshot, upstream

MARKER = "marker-of-a-secret-7c1f"
SECRET = Secret(MARKER)
WAYS_TO_PRINT: list[Callable[[object], str]] = [
    repr,
    str,
    ascii,
    pformat,
    lambda value: f"{value}",
    lambda value: f"{value!r:>80}",
    lambda value: f"{value:>80}" if type(value).__format__ is not object.__format__ else "",
    lambda value: "%s %r" % (value, value),  # noqa: UP031 - the old way is one of the ways
    lambda value: "{} {0.__class__}".replace("{}", "{0}").format(value),
    lambda value: json.dumps([value], default=str),
    lambda value: json.dumps([value], default=repr),
    lambda value: orjson.dumps([str(value)]).decode(),
    lambda value: traceback.TracebackException.from_exception(ValueError(value)).__str__(),
]


def holders() -> list[object]:
    """Values that hold the secret, in every place where one may stand."""
    kinds: list[Kind] = [
        Bearer(SECRET),
        Basic(SECRET, Secret("")),
        Basic(Secret("user"), SECRET),
        Header("X-Key", SECRET, "Token "),
        Query("key", SECRET),
    ]
    origins = frozenset({origin("https://api.test")})
    injections = [prepare(kind, origins) for kind in kinds]
    upstreams = [upstream(kind=kind) for kind in kinds]
    identity = TlsIdentity(certificate="public", key=SECRET)
    return [
        SECRET,
        [SECRET],
        {"secret": SECRET},
        (SECRET,),
        {SECRET},
        *kinds,
        *injections,
        *upstreams,
        *[snapshot(each, destinations=[destination("*.a.test")]) for each in upstreams],
        identity,
        replace(upstreams[0].endpoints[0].route, tls=identity),
    ]


@pytest.mark.parametrize("show", WAYS_TO_PRINT, ids=range(len(WAYS_TO_PRINT)))
def test_printing_shows_nothing(show: Callable[[object], str]) -> None:
    """No way of printing a secret, or anything that holds one, shows it or a spelling of it."""
    for holder in holders():
        shown = show(holder)
        for needle in prepare(Bearer(SECRET), frozenset()).needles:
            assert needle.reveal() not in shown


def test_json_refuses_it() -> None:
    """A secret that stands in data by mistake isn't turned into JSON."""
    for render in (json.dumps, orjson.dumps):
        with pytest.raises(TypeError):
            render({"secret": SECRET})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_refuses_it(protocol: int) -> None:
    """Nothing that holds a secret can be pickled in the ordinary way."""
    for holder in holders():
        with pytest.raises(TypeError):
            pickle.dumps(holder, protocol)


def test_copying_refuses_it() -> None:
    """A secret isn't multiplied."""
    for copied in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copied(SECRET)
    with pytest.raises(TypeError):
        asdict(upstream())


def test_the_one_way_to_hand_it_over() -> None:
    """Supervisor and workers have a way of their own."""
    handed = loads(dumps(snapshot(upstream(kind=Bearer(SECRET)))))
    line = handed.upstreams[b"api"].credential.lines
    assert line is not None
    assert MARKER in line.reveal()


def test_it_has_no_other_attributes() -> None:
    """Beside what is named for it, no attribute that a debugger or a template reads gives the text."""
    public = {name: getattr(SECRET, name) for name in dir(SECRET) if not name.startswith("_")}
    assert set(public) == {"octets", "reveal"}
    assert not hasattr(SECRET, "__dict__")
    assert SECRET.reveal() == MARKER
    assert SECRET.octets == MARKER.encode()


def test_comparing() -> None:
    """Secrets are equal by their text, and never equal to the text itself."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert (Secret("a") == b"a") is False
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert hash(Secret("a")) != hash("a")


def test_logs_do_not_show_it() -> None:
    """Neither Exeat's log nor the standard library's shows a secret among the facts, nor in an exception."""
    for as_json in (True, False):
        out = StringIO()
        log = Log("test", as_json=as_json, out=out)
        log.info("message", secret=SECRET, holder=upstream(kind=Bearer(SECRET)))
        error = GatewayError(Code.INTERNAL, f"{SECRET}")
        error.__cause__ = ValueError(SECRET, MARKER)
        log.bug(error, holders=[each for each in holders() if not isinstance(each, Snapshot | set)])
        assert MARKER not in out.getvalue()
        assert "message" in out.getvalue()
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("exeat.test")
    logger.addHandler(handler)
    logger.error("%s %r %s", SECRET, SECRET, holders())
    logger.removeHandler(handler)
    assert MARKER not in stream.getvalue()
