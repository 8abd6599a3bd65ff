"""A gateway that is attacked in every way, with short timeouts, beside its neighbour."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import pytest

from tests.hostile.elsewhere import Elsewhere
from tests.hostile.neighbour import Neighbour
from tests.hostile.siege import Ground, Siege
from tests.hostile.upstreams import Upstreams

HEAD_S = 4
BODY_S = 2
SETTINGS = {
    "EXEAT_HEAD_TIMEOUT_S": str(HEAD_S),
    "EXEAT_BODY_TIMEOUT_S": str(BODY_S),
    "EXEAT_KEEP_ALIVE_S": "20",
    "EXEAT_UPSTREAM_KEEP_ALIVE_S": "1",
    "EXEAT_MAX_CONNECTIONS": "12000",
    "EXEAT_LOG_LEVEL": "info",
}
TIMEOUTS = {"connect": "1s", "tls": "1s", "response": "2s", "idle": "2s", "total": "3s"}

Record = Callable[[str, object], None]
Besiege = Callable[..., AbstractContextManager[Siege]]


class Processors(NamedTuple):
    """One processor for a gateway and its neighbour, the others for whoever is hostile; the same where there is one.

    What the neighbour notices is then the gateway's doing: an attacker takes no time from either.
    """

    ours: set[int]
    theirs: set[int]


@pytest.fixture(scope="session")
def processors() -> Iterator[Processors]:
    """How they are shared out; the test's own process, with the hostile upstreams, is among the others."""
    everything = os.sched_getaffinity(0)
    ours = {min(everything)}
    shares = Processors(ours, everything - ours or ours)
    os.sched_setaffinity(0, shares.theirs)
    yield shares
    os.sched_setaffinity(0, everything)


@pytest.fixture(scope="session")
def attacker(processors: Processors) -> Iterator[Elsewhere]:
    """The process that attacks."""
    with Elsewhere(processors.theirs) as attacker:
        yield attacker


@pytest.fixture(scope="session")
def neighbour(processors: Processors) -> Iterator[Neighbour]:
    """The process that only wants to work. It measures: what it waits for is to be the gateway, never a processor."""
    with Elsewhere(processors.ours, first=True) as elsewhere:
        yield Neighbour(elsewhere)


@pytest.fixture(scope="session")
def ground(processors: Processors, attacker: Elsewhere, neighbour: Neighbour) -> Iterator[Ground]:
    """Where gateways are attacked."""
    with Upstreams() as upstreams:
        yield Ground(processors.ours, attacker, neighbour, upstreams.entries(TIMEOUTS), SETTINGS)


@pytest.fixture(scope="session")
def besieged(ground: Ground) -> Iterator[Siege]:
    """One gateway for most of the tests."""
    with ground.besieged() as siege:
        yield siege


@pytest.fixture
def siege(besieged: Siege, record_property: Record) -> Iterator[Siege]:
    """The same for one attack, whose figures go into the report of the run."""
    besieged.begin()
    yield besieged
    _record(besieged, record_property)


@pytest.fixture
def besiege(ground: Ground, record_property: Record) -> Besiege:
    """Makes a gateway with other settings for one attack."""

    @contextmanager
    def make(*, tls: bool = False, **settings: str) -> Iterator[Siege]:
        with ground.besieged(settings, tls=tls) as siege:
            yield siege
            _record(siege, record_property)

    return make


def _record(siege: Siege, record_property: Record) -> None:
    for name, value in siege.figures().items():
        record_property(name, value)
