"""Endpoints, balance, circuits and health checks in a document: what can be written, and what can't hold together."""

import pytest

from exeat.model.circuit import Circuit, HealthCheck
from exeat.model.upstream import Upstream
from tests.config.conftest import Desk

ONE = "upstreams: {api: {url: 'https://a.com/v1', %s}}\n"
SEVERAL = "upstreams: {api: {endpoints: [%s]}}\n"


def compiled(desk: Desk, text: str | None, **variables: str) -> Upstream:
    """The upstream of a document."""
    return desk.load(text, **variables).snapshot.upstreams[b"api"]


def test_defaults(desk: Desk) -> None:
    """Without a word, endpoints are equal, circuits watch them, and nothing checks them."""
    found = compiled(desk, "upstreams: {api: {endpoints: ['https://a.com/v1', 'https://b.com']}}\n")
    assert [(end.id, end.weight, end.priority) for end in found.endpoints] == [
        ("api https://a.com/v1", 1, 0),
        ("api https://b.com", 1, 0),
    ]
    assert (found.balance, found.circuit, found.health) == ("weighted", Circuit(), None)


def test_all_of_it(desk: Desk) -> None:
    """Everything that can be written arrives as it was written."""
    found = compiled(
        desk,
        """
upstreams:
  api:
    endpoints:
      - https://a.com:8443
      - {url: https://b.com, weight: 3, priority: 1}
      - {url: https://b.com/two, weight: 0}
    balance: least-pending
    circuit:
      {failures: off, ratio: 30, calls: 8, window: 1m, slow: 2s, slow_ratio: 80, rest: 1s, rest_limit: 5m, ramp: off}
    health: {path: "/healthz?deep=1", every: 3s, timeout: 500ms, statuses: [200, 300-399], healthy: 1, unhealthy: 5}
""",
    )
    assert [(end.id, end.weight, end.priority) for end in found.endpoints] == [
        ("api https://a.com:8443", 1, 0),
        ("api https://b.com", 3, 1),
        ("api https://b.com/two", 0, 0),
    ]
    assert found.balance == "least-pending"
    assert found.circuit == Circuit(None, 30, 8, 60.0, 2.0, 80, 1.0, 300.0, 0.0)
    assert found.health == HealthCheck(b"/healthz?deep=1", 3.0, 0.5, ((200, 200), (300, 399)), 1, 5)


def test_from_the_environment(desk: Desk) -> None:
    """Variables write it all, too: a list of URLs by commas, objects as JSON, single fields by their names."""
    found = compiled(
        desk,
        None,
        EXEAT_UPSTREAMS__API__ENDPOINTS="https://a.com, https://b.com",
        EXEAT_UPSTREAMS__API__CIRCUIT__FAILURES="3",
        EXEAT_UPSTREAMS__API__CIRCUIT__RATIO="off",
        EXEAT_UPSTREAMS__API__HEALTH__PATH="/healthz",
        EXEAT_UPSTREAMS__API__HEALTH__STATUSES="200-299,304",
        EXEAT_UPSTREAMS__API__BALANCE="least-pending",
    )
    assert [end.id for end in found.endpoints] == ["api https://a.com", "api https://b.com"]
    assert found.circuit == Circuit(failures=3, ratio=None)
    assert found.health == HealthCheck(b"/healthz", statuses=((200, 299), (304, 304)))
    objects = '[{"url": "https://a.com", "weight": 2}, "https://b.com"]'
    found = compiled(desk, None, EXEAT_UPSTREAMS__API__ENDPOINTS=objects, EXEAT_UPSTREAMS__API__CIRCUIT="off")
    assert [end.weight for end in found.endpoints] == [2, 1]
    assert found.circuit is None


def test_a_check_that_is_frequent(desk: Desk) -> None:
    """A check that comes more often than the default timeout lasts is given half of its time."""
    assert compiled(desk, ONE % "health: {path: /, every: 1s}").health == HealthCheck(b"/", 1.0, 0.5)
    assert compiled(desk, ONE % "health: {path: /, every: 5s}").health == HealthCheck(b"/", 5.0, 2.0)


@pytest.mark.parametrize(
    ("endpoints", "path", "words"),
    [
        ("", "", "is an empty list"),
        ("{weight: 1}", "[0].url", "is required"),
        ("'http://a.com'", "[0]", "is plaintext"),
        ("https://a.com, 5", "[1]", "must be a mapping"),
        ("'https://a.com', 'a.com'", "[1]", "isn't a URL"),
        ("{url: 'https://a.com', weight: 1.5}", "[0].weight", "write a whole number from 0 to 1000"),
        ("{url: 'https://a.com', weight: -1}", "[0].weight", "write a whole number from 0 to 1000"),
        ("{url: 'https://a.com', weight: 1001}", "[0].weight", "write a whole number from 0 to 1000"),
        ("{url: 'https://a.com', weight: true}", "[0].weight", "write a whole number"),
        ("{url: 'https://a.com', priority: first}", "[0].priority", "write a whole number from 0 to 100"),
        ("{url: 'https://a.com', wieght: 2}", "[0].wieght", "did you mean 'weight'?"),
        ("{url: 'https://a.com', weight: 2}, 'https://a.com'", "", "lists an endpoint twice"),
    ],
)
def test_faulty_endpoints(desk: Desk, endpoints: str, path: str, words: str) -> None:
    """What is wrong with an endpoint is said at its place."""
    lines = desk.problems(SEVERAL % endpoints)
    assert any(f"upstreams.api.endpoints{path}: " in line and words in line for line in lines), lines


def test_weights_of_nothing(desk: Desk) -> None:
    """Where every endpoint weighs nothing, nobody would get a call."""
    (line,) = desk.problems(SEVERAL % "{url: 'https://a.com', weight: 0}, {url: 'https://b.com', weight: 0}")
    assert "upstreams.api: gives every endpoint the weight 0; give one of them a weight from 1 on" in line


def test_priorities_of_one(desk: Desk) -> None:
    """A single endpoint may have any priority."""
    assert desk.problems(SEVERAL % "{url: 'https://a.com', priority: 7}") == []


def test_too_many(desk: Desk) -> None:
    """A hundred endpoints are enough."""
    many = ", ".join(f"https://e{number}.com" for number in range(101))
    (line,) = desk.problems(SEVERAL % many)
    assert "lists more than 100 endpoints" in line


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        ("balance: random", "balance", "write weighted or least-pending"),
        ("circuit: on", "circuit", "write off, or a mapping"),
        ("circuit: false", "circuit", "write off, or a mapping"),
        ("circuit: ", "circuit", "has no value"),
        ("circuit: 5", "circuit", "write off, or a mapping"),
        ("circuit: {failure: 5}", "circuit.failure", "did you mean 'failures'?"),
        ("circuit: {failures: 0}", "circuit.failures", "write a whole number from 1 to 100000, or off"),
        ("circuit: {ratio: 0}", "circuit.ratio", "write a whole number from 1 to 100, or off"),
        ("circuit: {ratio: 101}", "circuit.ratio", "write a whole number from 1 to 100, or off"),
        ("circuit: {ratio: 50%}", "circuit.ratio", "write a whole number from 1 to 100, or off"),
        ("circuit: {rest: off}", "circuit.rest", "write a duration"),
        ("circuit: {failures: off, ratio: off}", "circuit", "opens for nothing"),
        ("circuit: {slow_ratio: 20}", "circuit", "has 'slow_ratio' without 'slow'"),
        ("circuit: {ratio: off, calls: 20}", "circuit", "has 'calls', which only 'ratio' and 'slow' go by"),
        ("circuit: {ratio: off, window: 20s}", "circuit", "has 'window', which only 'ratio' and 'slow' go by"),
        ("circuit: {rest: 2m}", "circuit", "rest 120s is longer than rest_limit 60s; raise rest_limit, or shorten"),
        ("circuit: {slow: 60s}", "", "circuit.slow 60s isn't shorter than timeout.response 60s"),
        ("circuit: {slow: 3s}, timeout: {response: 2s}", "", "circuit.slow 3s isn't shorter than timeout.response 2s"),
        ("health: /healthz", "health", "must be a mapping"),
        ("health: {every: 1s}", "health.path", "is required"),
        ("health: {path: healthz}", "health.path", "'healthz' isn't a path; write for example /healthz"),
        ("health: {path: '/a b'}", "health.path", "isn't a path"),
        ("health: {path: '/ä'}", "health.path", "isn't a path"),
        ("health: {path: '/a#b'}", "health.path", "isn't a path"),
        ('health: {path: "/a\\r\\nX: y"}', "health.path", "isn't a path"),
        ("health: {path: /, every: 99ms}", "health", "every 0.099s is too often; write 100ms or more"),
        ("health: {path: /, every: 2s, timeout: 2s}", "health", "timeout 2s isn't shorter than every 2s"),
        ("health: {path: /, timeout: 20s}", "health", "timeout 20s isn't shorter than every 10s"),
        ("health: {path: /, statuses: []}", "health.statuses", "must be a list, as in [200-299]"),
        ("health: {path: /, statuses: 200}", "health.statuses", "must be a list, as in [200-299]"),
        ("health: {path: /, statuses: [99]}", "health.statuses", "'99' is no status or range"),
        ("health: {path: /, statuses: [299-200]}", "health.statuses", "'299-200' is no status or range"),
        ("health: {path: /, statuses: [true]}", "health.statuses", "'True' is no status or range"),
        ("health: {path: /, healthy: 0}", "health.healthy", "write a whole number from 1"),
    ],
)
def test_faults(desk: Desk, written: str, path: str, words: str) -> None:
    """What can't be meant, or can't hold together, is refused at its place, and the message says what to write."""
    (line,) = desk.problems(ONE % written)
    place = f"upstreams.api.{path}" if path else "upstreams.api"
    assert f": {place}: " in line, line
    assert words in line, line


def test_a_secret_is_not_quoted(desk: Desk) -> None:
    """A value that comes from a reference isn't shown in what is wrong with it."""
    (line,) = desk.problems(ONE % "health: {path: '${PLACE}'}", {"PLACE": "s3cr3t-marker"})
    assert "health.path" in line
    assert "s3cr3t" not in line
