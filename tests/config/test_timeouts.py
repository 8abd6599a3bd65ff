"""Which timeouts a document may write together: one that could never be reached is a mistake, and is refused."""

import pytest

from exeat.model.upstream import Timeouts
from tests.config.conftest import Desk

UPSTREAM = "upstreams: {a: {url: 'https://a.com', timeout: {%s}}}\n"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("response: 90s, total: 60s", "response 90s is longer than total 60s, which would always end it first"),
        ("connect: 61, total: 60", "connect 61s is longer than total 60s"),
        ("dns: 2m, total: 1m", "dns 120s is longer than total 60s"),
        ("tls: 61s, total: 60s", "tls 61s is longer than total 60s"),
        ("idle: 61s, total: 60s", "idle 61s is longer than total 60s"),
        ("response: 400s", "response 400s is longer than the 300s that total is unless it is written"),
        ("connect: 301s", "write total, longer than that, or off"),
        ("connect: 4s, tls: 4s, total: 7s", "connect 4s + tls 4s is longer than total 7s"),
        ("dns: 2s, connect: 3s, tls: 3s, total: 7s", "dns 2s + connect 3s + tls 3s is longer than total 7s"),
        ("connect: 200s, tls: 200s", "connect 200s + tls 200s is longer than the 300s"),
    ],
)
def test_contradictions(desk: Desk, written: str, words: str) -> None:
    """A phase longer than the whole, or a whole that is over before a request could be sent, is named."""
    (line,) = desk.problems(UPSTREAM % written)
    assert line.startswith("exeat.yaml:1: upstreams.a.timeout: ")
    assert words in line


@pytest.mark.parametrize(
    "written",
    [
        "total: 2s",  # what isn't written is simply cut off by it
        "response: 60s, total: 60s",
        "connect: 5s, response: 10s, total: 12s",  # each may be reached, if not all of them
        "connect: 400s, tls: 400s, response: 400s, idle: 400s, total: off",
        "idle: 1h",  # for streams, which the default total doesn't end
    ],
)
def test_what_holds_together(desk: Desk, written: str) -> None:
    """A timeout that can be reached is no mistake."""
    assert desk.problems(UPSTREAM % written) == []


def test_destinations_too(desk: Desk) -> None:
    """The timeouts of a destination are held to the same."""
    (line,) = desk.problems("destinations: [{host: a.com, timeout: {tls: 9s, total: 8s}}]\n")
    assert line.startswith("exeat.yaml:1: destinations[0].timeout: tls 9s is longer than total 8s")


def test_each_phase_has_its_own(desk: Desk) -> None:
    """What is written for a phase is for that one alone."""
    text = UPSTREAM % "dns: 1, connect: 2, tls: 3, response: 4, idle: 5, total: 6"
    timeouts = desk.load(text).snapshot.upstreams[b"a"].timeouts
    assert timeouts == Timeouts(1, 2, 3, 4, 5, 6, total_is_default=False)
