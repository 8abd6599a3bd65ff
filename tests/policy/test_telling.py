"""What callers are told of their limits: exact lines, never more than there is, readable by any structured reader."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.limit import NANOS, SECOND_NS, Kind
from exeat.policy import telling
from exeat.policy.telling import (
    NAMES_LIMIT,
    Standing,
    render_legacy,
    render_policy,
    render_retry_after,
    render_standings,
)
from exeat.wire.structured import INTEGER_LIMIT, parse_list

RATE = Standing("default", 100, 60, 50, 30, Kind.RATE)
MONTH = Standing("month", 50_000, 2_678_400, 49_000, 86_400, Kind.QUOTA)
AT_ONCE = Standing("at-once", 20, 0, 3, 0, Kind.CONCURRENCY)
BUDGET = Standing("money", 25 * NANOS, 86_400, 3_219_999_999, 7200, Kind.BUDGET, "USD")

names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)
amounts = st.integers(-(10**20), 10**20)
seconds = st.integers(0, 10**8)
standings = st.lists(
    st.builds(Standing, names, amounts, seconds, amounts, seconds, st.sampled_from(Kind), st.just("EUR")), max_size=4
)


@pytest.mark.parametrize(
    ("told", "policy", "line"),
    [
        ((), b"", b""),
        (
            (RATE,),
            b'RateLimit-Policy: "default";q=100;w=60;qu="requests"\r\n',
            b'RateLimit: "default";r=50;t=30\r\n',
        ),
        (
            (RATE, MONTH),
            b'RateLimit-Policy: "default";q=100;w=60;qu="requests", "month";q=50000;w=2678400;qu="requests"\r\n',
            b'RateLimit: "default";r=50;t=30, "month";r=49000;t=86400\r\n',
        ),
        (
            (AT_ONCE,),
            b'RateLimit-Policy: "at-once";q=20;qu="concurrent-requests"\r\n',
            b'RateLimit: "at-once";r=3\r\n',
        ),
        (
            (BUDGET,),
            b'RateLimit-Policy: "money";q=2500;w=86400;qu="0.01 USD"\r\n',
            b'RateLimit: "money";r=321;t=7200\r\n',
        ),
        (
            (RATE._replace(name='a "b" \\', remaining=0, reset_s=0),),
            b'RateLimit-Policy: "a \\"b\\" \\\\";q=100;w=60;qu="requests"\r\n',
            b'RateLimit: "a \\"b\\" \\\\";r=0;t=0\r\n',
        ),
    ],
    ids=["none", "rate", "two", "concurrency", "budget", "quoted"],
)
def test_the_lines(told: tuple[Standing, ...], policy: bytes, line: bytes) -> None:
    """Each kind of limit has its unit; where there is no window, no time is told; no limits, no line."""
    assert render_policy(told) == policy
    assert render_standings(told) == line
    assert render_standings(told) == line  # once more, with the names remembered


@given(standings)
def test_the_lines_can_be_read(told: list[Standing]) -> None:
    """Whatever the numbers are, the lines are structured fields with what the draft demands, in the order given."""
    policy, line = render_policy(told), render_standings(told)
    if not told:
        assert policy == line == b""
        return
    assert policy.startswith(b"RateLimit-Policy: ")
    assert line.startswith(b"RateLimit: ")
    assert policy.endswith(b"\r\n")
    assert line.endswith(b"\r\n")
    rules = parse_list(policy[len(b"RateLimit-Policy: ") : -2])
    states = parse_list(line[len(b"RateLimit: ") : -2])
    assert [rule.value for rule in rules] == [state.value for state in states] == [standing.name for standing in told]
    for standing, rule, state in zip(told, rules, states, strict=True):
        unit = NANOS // 100 if standing.kind is Kind.BUDGET else 1
        assert rule.parameters["q"] == min(max(standing.quota // unit, 0), INTEGER_LIMIT)
        assert state.parameters["r"] == min(max(standing.remaining // unit, 0), INTEGER_LIMIT)
        assert state.parameters.get("t") == (standing.reset_s if standing.window_s else None)
        assert rule.parameters.get("w") == (standing.window_s or None)


def test_names_are_remembered_within_a_bound() -> None:
    """However many names there are, no more than the bound are kept."""
    for number in range(NAMES_LIMIT + 10):
        assert render_standings([RATE._replace(name=f"n{number}")]) == b'RateLimit: "n%d";r=50;t=30\r\n' % number
    assert 0 < len(telling._quoted) <= NAMES_LIMIT  # noqa: SLF001


def test_a_name_that_cannot_be_told() -> None:
    """A name that isn't printable ASCII is refused: it would break the field, or the head."""
    for render in (render_policy, render_standings):
        with pytest.raises(ValueError, match="printable ASCII"):
            render([RATE._replace(name="a\r\nX: y")])


@pytest.mark.parametrize(
    ("wait_ns", "seconds"),
    [(-5, 1), (0, 1), (1, 1), (SECOND_NS, 1), (SECOND_NS + 1, 2), (59_999_999_999, 60), (86_400 * SECOND_NS, 86_400)],
)
def test_retry_after_is_never_too_early(wait_ns: int, seconds: int) -> None:
    """Whole seconds, rounded up, at least one."""
    assert render_retry_after(wait_ns) == b"Retry-After: %d\r\n" % seconds


def test_retry_after_grows_with_the_wait() -> None:
    """A longer wait is never told as a shorter one."""
    told = [int(render_retry_after(wait)[13:]) for wait in range(0, 5 * SECOND_NS, SECOND_NS // 7)]
    assert all(before <= after for before, after in pairwise(told))


@pytest.mark.parametrize(
    ("told", "tightest"),
    [
        ((RATE, MONTH), RATE),
        ((MONTH, RATE), RATE),
        ((MONTH._replace(remaining=0), RATE), MONTH._replace(remaining=0)),
        ((RATE._replace(remaining=0), MONTH._replace(remaining=0)), MONTH._replace(remaining=0)),
        ((RATE._replace(remaining=-3),), RATE._replace(remaining=0)),
        ((AT_ONCE, BUDGET, RATE), RATE),
    ],
)
def test_the_older_fields_tell_the_tightest(told: tuple[Standing, ...], tightest: Standing) -> None:
    """Of rates and quotas, the one of which the least part remains, and of two alike the one that comes back later."""
    assert render_legacy(told) == (
        b"X-RateLimit-Limit: %d\r\nX-RateLimit-Remaining: %d\r\nX-RateLimit-Reset: %d\r\n"
        % (tightest.quota, tightest.remaining, tightest.reset_s)
    )


def test_the_older_fields_tell_calls_alone() -> None:
    """Money and exchanges at once have no place in fields without a unit."""
    assert render_legacy((AT_ONCE, BUDGET)) == render_legacy(()) == b""
