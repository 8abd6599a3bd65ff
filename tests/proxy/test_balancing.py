"""Where attempts go: shares, priorities, endpoints that rest, and probes."""

from math import inf

import pytest

from exeat.errors import GatewayError
from exeat.model.circuit import Circuit
from tests.support.office import Office, api, letter
from tests.support.values import endpoint

# Shares


def test_by_weight() -> None:
    """Calls go by the weights; who weighs nothing gets none."""
    assert sorted(Office(api((2, 0), (1, 0), (0, 0))).calls(300)) == list("a" * 200 + "b" * 100)


def test_least_pending() -> None:
    """Calls that last are spread by how many are under way for the weight."""
    office = Office(api((2, 0), (1, 0), balance="least-pending"))
    held = [office.choose() for _ in range(9)]
    assert sorted(letter(chosen.id) for chosen, _ in held) == list("aaaaaabbb")
    for chosen, state in held:
        if letter(chosen.id) == "b":
            office.balancing.leave(state)
    assert [letter(office.choose()[0].id) for _ in range(3)] == ["b", "b", "b"]


def test_priorities() -> None:
    """The next priority gets calls only when none before is well, those of weight 0 before it."""
    office = Office(api((1, 0), (0, 0), (1, 1), (1, 2)))
    for resting, expected in (("", "a"), ("a", "b"), ("b", "c"), ("c", "d")):
        office.rest(resting)
        assert set(office.calls(5)) == {expected}
    office.rest("d")
    office.refuses()


def test_a_resting_share_goes_to_its_group() -> None:
    """The others of a group share what a resting one would have had, by their weights."""
    office = Office(api((1, 0), (2, 0), (1, 0), (5, 1)))
    office.rest("a")
    assert sorted(office.calls(30)) == list("b" * 20 + "c" * 10)


def test_another_than_before() -> None:
    """An attempt that follows another goes elsewhere, to the next priority if need be, rather than to the same."""
    office = Office(api((1, 0), (1, 0), (1, 1)))
    a, b, c = office.upstream.endpoints
    assert office.call(tried=[a]) == "b"
    assert office.call(tried=[a, b]) == "c"
    assert office.call(tried=[a, b, c]) in "ab"
    office.rest("b")
    assert office.call(tried=[a]) == "c"
    office.rest("c")
    assert office.call(tried=[a]) == "a"


def test_only_where_it_may_go() -> None:
    """A call to the URL of one endpoint goes there, or nowhere."""
    office = Office(api((1, 0), (1, 0)))
    only = office.upstream.endpoints[1:]
    assert office.balancing.choose(office.upstream, only, (), office.now)[0] is only[0]
    office.rest("b", 7.0)
    with pytest.raises(GatewayError) as caught:
        office.balancing.choose(office.upstream, only, (), office.now)
    assert caught.value.retry_after == 8  # the others wait a little for who saw it
    assert office.call() == "a"


# Circuits


def test_failing_and_coming_back() -> None:
    """An endpoint that fails rests; then one call tries it, its share grows, and it is told of."""
    office = Office(api((1, 0), (1, 0)))
    assert office.calls(4, fails="a") == "abab"
    assert office.calls(4, fails="a") == "bbbb"
    office.now += 5.0
    assert office.calls(3, fails="a") == "abb"  # one call tries it
    office.now += 10.0
    assert office.call() == "a"
    assert office.stages() == {"a": "recovering", "b": "closed"}
    office.now += 10.0
    office.balancing.tend()
    assert office.calls(2) in {"ab", "ba"}
    reason = "2 calls failed in a row"
    assert office.told == [
        ("a", "open", reason, 5.0),
        ("a", "resting", "the probe failed", 10.0),
        ("a", "recovering", "the probe failed", 0.0),
        ("a", "closed", "", 0.0),
    ]


def test_a_share_follows_the_ramp() -> None:
    """While it recovers, an endpoint gets the part of its share that its time gives, to within a call."""
    office = Office(api((1, 0), (1, 0), circuit=Circuit(failures=1, rest_s=5.0, ramp_s=100.0)))
    office.rest("a", 5.0)
    office.now += 5.5
    assert office.call() == "a"
    had, expected = 0, 0.0
    for _ in range(99):
        office.now += 1.0
        share = 0.1 + 0.9 * (office.now - 1005.5) / 100
        for _ in range(10):
            had += office.call() == "a"
            expected += share / (1 + share)
            assert abs(had - expected) < 2


def test_a_group_that_recovers_shares_with_the_next() -> None:
    """Where all of a group recover, the rest of the calls stays with the next priority, bit by bit less."""
    office = Office(api((1, 0), (1, 1), circuit=Circuit(ramp_s=100.0)))
    office.rest("a", 5.0)
    assert office.calls(5) == "bbbbb"
    office.now += 5.5
    assert office.call() == "a"
    assert office.calls(100).count("a") in {9, 10, 11}
    office.now += 50.0
    assert office.calls(100).count("a") in {54, 55, 56}
    office.now += 50.0
    assert set(office.calls(20)) == {"a"}


def test_alone_it_gets_all() -> None:
    """While an endpoint recovers and there is no other, no call is refused."""
    office = Office(api((1, 0)))
    office.calls(2, fails="a")
    office.now += 5.0
    assert office.calls(20) == "a" * 20


def test_all_rest() -> None:
    """Where all rest, calls are refused until the first one's time, which they are told; then one tries."""
    office = Office(api((1, 0), (1, 1)))
    office.balancing.rest(office.id("a"), 30.0, "by hand", held=True)
    office.balancing.rest(office.id("b"), 12.3, "by hand", held=True)
    assert office.refuses().retry_after == 13
    office.now += 12.0
    assert office.refuses().retry_after == 1
    office.now += 0.3
    _, probe = office.choose()
    assert letter(probe.id) == "b"
    assert office.refuses().retry_after == 1  # while one tries
    office.balancing.judge(probe, failed=False, took_s=0.1, now=office.now)
    office.balancing.leave(probe)
    assert office.calls(3) == "bbb"


def test_nobody_knows_when() -> None:
    """Where all are held until somebody says otherwise, the code's own advice is given."""
    office = Office(api((1, 0)))
    office.balancing.rest(office.id("a"), inf, "by hand", held=True)
    office.now += 1e6
    assert office.refuses().retry_after == 1
    office.balancing.recover(office.id("a"))
    assert office.call() == "a"


def test_a_probe_that_is_given_up() -> None:
    """A caller that leaves in the middle of a probe leaves its place to the next."""
    office = Office(api((1, 0)))
    office.calls(2, fails="a")
    office.now += 5.0
    _, probe = office.choose()
    office.refuses()
    office.balancing.leave(probe)
    assert office.calls(2) == "aa"
    assert office.stages() == {"a": "recovering"}


def test_late_news() -> None:
    """Calls from before a rest neither end it nor begin another one, and are counted down all the same."""
    office = Office(api((1, 0)))
    late = [office.choose()[1] for _ in range(5)]
    office.calls(2, fails="a")
    office.now += 1.0
    for state in late:
        office.balancing.judge(state, failed=len(late) % 2 == 0, took_s=1.0, now=office.now)
        office.balancing.leave(state)
    assert office.stages() == {"a": "open"}
    assert office.balancing.report()[0]["pending"] == 0
    assert [change for _, change, _, _ in office.told] == ["open"]


def test_without_a_circuit() -> None:
    """`circuit: off` lets everything pass, whatever fails; told to rest, it does."""
    office = Office(api((1, 0), circuit=None))
    assert office.calls(100, fails="a") == "a" * 100
    office.rest("a", 3.0)
    office.refuses()


def test_who_is_no_upstream() -> None:
    """Of destinations nothing is known: they never rest."""
    office = Office(api((1, 0)))
    bare = endpoint("https://a.test")
    for _ in range(50):
        chosen, state = office.balancing.choose(None, (bare,), (), office.now)
        office.balancing.judge(state, failed=True, took_s=9.0, now=office.now)
        office.balancing.leave(state)
        assert chosen is bare
    assert office.balancing.report() == []
