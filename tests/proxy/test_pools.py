"""Conversations about pools: which key a call shows, what happens to one that is refused or has no calls left."""

from dataclasses import replace
from typing import Any, Final

import pytest

from exeat.model.limit import SECOND_NS, Kind, Limit, Scope
from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from exeat.state.ledger import Pause, Rest
from tests.support.access import attempts_of
from tests.support.keyed_api import FORBIDDEN, LIMITED, OK, REFUSED, KeyedApi, pool, status_of
from tests.support.playbook import Stage, on_stage
from tests.support.values import snapshot, upstream

COOLING: Final = "upstream-cooling-down"
BARE_429: Final = ("HTTP/1.1 429 Too Many Requests", "Content-Length: 0")
POST: Final = "POST /api/x HTTP/1.1"


def keyed(
    *, wait_s: float = 0, report: bool = False, ignore: bool = False, retries: Retries | None = None, **weights: int
) -> Snapshot:
    """One upstream with a pool of keys; without weights, of three."""
    keys = weights or {"one": 1, "two": 1, "three": 1}
    made = upstream("api", "http://api.test", kind=pool(**keys), retries=retries or Retries(limit=0))
    limit = Limit(
        "upstream/api/provider",
        Kind.PROVIDER,
        Kind.PROVIDER,
        Scope.UPSTREAM,
        "api",
        amount=0,
        wait_ns=int(wait_s * SECOND_NS),
        queue=100 if wait_s else 0,
        report=report,
    )
    return snapshot(replace(made, provider=None if ignore else limit))


def left(remaining: int, reset_s: int = 60) -> tuple[str, ...]:
    """An answer that says how many calls are left."""
    return (*OK, f"X-RateLimit-Remaining: {remaining}", "X-RateLimit-Limit: 1000", f"X-RateLimit-Reset: {reset_s}")


def retries_of(stage: Stage) -> list[tuple[object, object]]:
    """The status of each attempt of the last exchange, and why another one followed."""
    return [(one["status"], one["retry"]) for one in attempts_of(stage.records[-1])]


def said(stage: Stage) -> list[Any]:
    """What the worker tells others, from here on."""
    words: list[Any] = []
    stage.worker.admission.share = words.append
    stage.worker.admission.pools.on_change = lambda state, status, rest_s: words.append((state.label, status, rest_s))
    return words


class TestShares:
    """Who is shown."""

    def test_by_weight(self) -> None:
        """Each key gets its exact share, spread evenly, and a record says which one a call showed."""
        with on_stage(keyed(one=3, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.keys(8) == ["one", "one", "one", "two", "one", "one", "one", "two"]
            assert [record["credential"] for record in stage.records[2:4]] == ["bearer 1", "bearer 2"]

    def test_a_new_configuration(self) -> None:
        """Another document changes weights at once; what was learnt of a key stays, and a new key begins afresh."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            api.call(one=REFUSED)
            stage.worker.swap(keyed(three=1, one=1, two=3))
            del api.answers["one"]
            assert sorted(api.keys(8)) == ["three"] * 2 + ["two"] * 6
            stage.worker.swap(keyed(one=1))
            assert api.keys(1) == ["one"]


class TestRefused:
    """What happens to a key that is refused, and to the call."""

    @pytest.mark.parametrize("start", ["GET /api/x HTTP/1.1", POST])
    def test_the_call_goes_on(self, start: str) -> None:
        """After a 401 the same call shows another key at once, whatever its method: it was refused, not done."""
        with on_stage(keyed()) as stage:
            api = KeyedApi(stage)
            assert api.call("Content-Length: 4", start=start, body="body", one=REFUSED) == 200
            assert api.shown == ["one", "two"]
            assert retries_of(stage) == [(401, "again at once: bearer 1 was refused"), (200, None)]
            assert stage.records[-1]["credential"] == "bearer 2"
            assert stage.dialled == 1

    def test_it_rests(self) -> None:
        """It isn't shown for a minute; then one call tries it, and it rests twice as long."""
        with on_stage(keyed()) as stage:
            api, words = KeyedApi(stage), said(stage)
            api.call(one=REFUSED)
            assert set(api.keys(10)) == {"two", "three"}
            stage.passes(59)
            assert set(api.keys(10)) == {"two", "three"}
            stage.passes(1.5)
            assert "one" in api.keys(2)
            stage.passes(119)
            assert set(api.keys(10)) == {"two", "three"}
            assert words == [("bearer 1", 401, 60.0), ("bearer 1", 401, 120.0)]

    def test_it_is_accepted_again(self) -> None:
        """When it is accepted, it has its share again, and others hear of it."""
        with on_stage(keyed()) as stage:
            api, words = KeyedApi(stage), said(stage)
            api.call(one=REFUSED)
            del api.answers["one"]
            stage.passes(60.5)
            assert sorted(api.keys(6)) == ["one", "one", "three", "three", "two", "two"]
            assert words == [("bearer 1", 401, 60.0), ("bearer 1", 0, 0.0)]

    def test_one_call_tries_it(self) -> None:
        """While a call tries it, others show the other keys; a caller that leaves gives its place to the next."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            api.call(one=REFUSED)
            stage.passes(60.5)
            first = api.ask()
            for _ in range(3):
                api.ask()
            assert api.shown[2:] == ["one", "two", "two", "two"]
            first.vanishes()
            api.ask()
            assert api.shown[-1] == "one"
            api.answers.clear()
            api.answer()

    def test_a_body_that_nobody_keeps(self) -> None:
        """A body too long to be kept isn't sent again: the caller gets the 401, and the next call another key."""
        with on_stage(keyed(retries=Retries(limit=0, body_bytes=3))) as stage:
            api = KeyedApi(stage)
            assert api.call("Content-Length: 4", start=POST, body="body", one=REFUSED) == 401
            assert api.keys(2) == ["two", "three"]
            stage.passes(60.5)
            assert api.call("Content-Length: 4", start=POST, body="body") == 200
            assert api.shown[-1] != "one"  # it doesn't try what it can't go on after

    def test_forbidden(self) -> None:
        """A 403 is the caller's: it may be of the call alone. Its key rests, as long as another one is there."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=FORBIDDEN, two=FORBIDDEN) == 403
            assert api.call() == 403
            assert api.call() == 403
            assert api.shown == ["one", "two", "one"]

    def test_all_are_refused(self) -> None:
        """Each key is shown once; the caller gets the upstream's own 401. Later calls show the one that rests least."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=REFUSED, two=REFUSED) == 401
            stage.passes(1)
            assert api.call() == 401
            assert api.call() == 401
            assert api.shown == ["one", "two", "one", "two"]
            api.answers.clear()
            assert api.call() == 200

    def test_what_was_under_way(self) -> None:
        """Calls that were sent before a key was known to be refused don't lengthen its rest."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api, words = KeyedApi(stage), said(stage)
            callers = [api.ask() for _ in range(6)]
            api.answers["one"] = REFUSED
            api.answer()
            assert [status_of(caller) for caller in callers] == [200] * 6
            assert words == [("bearer 1", 401, 60.0)]

    def test_what_may_have_been_done(self) -> None:
        """A call that may have been done under one key isn't sent with another, unless its method is idempotent."""
        for start, status in ((POST, 401), ("GET /api/x HTTP/1.1", 200)):
            with on_stage(keyed(retries=Retries(limit=2))) as stage:
                api = KeyedApi(stage)
                caller = api.ask("Idempotency-Key: k1", start=start)
                api.answer_one("HTTP/1.1 503 Service Unavailable", "Content-Length: 0")
                stage.passes(0.3)
                api.look()
                assert api.shown == ["one", "one"]  # a retry keeps its key
                api.answers["one"] = REFUSED
                api.answer()
                assert status_of(caller) == status


class TestLimits:
    """Each key's own limits."""

    @pytest.mark.parametrize("start", ["GET /api/x HTTP/1.1", POST])
    def test_too_many(self, start: str) -> None:
        """After a 429 the call goes on with another key, whatever its method; that one rests as long as was asked."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api, words = KeyedApi(stage), said(stage)
            assert api.call(start=start, one=LIMITED) == 200
            del api.answers["one"]
            assert set(api.keys(5)) == {"two"}
            stage.passes(29)
            assert set(api.keys(5)) == {"two"}
            stage.passes(1.5)
            assert set(api.keys(2)) == {"one", "two"}
            (pause,) = words
            assert isinstance(pause, Pause)
            assert (pause.owner.partition("#")[0], pause.stop_in) == ("api", 30 * SECOND_NS)

    def test_too_many_without_a_time(self) -> None:
        """A 429 that doesn't say how long rests for a second."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            api.call(one=BARE_429)
            del api.answers["one"]
            assert set(api.keys(4)) == {"two"}
            stage.passes(1.1)
            assert set(api.keys(2)) == {"one", "two"}

    def test_forbidden_because_of_a_limit(self) -> None:
        """A 403 that asks for a pause is a limit: the call goes on, and the key is shown again when that is over."""
        secondary = (*FORBIDDEN, "Retry-After: 5")
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=secondary) == 200
            del api.answers["one"]
            assert set(api.keys(3)) == {"two"}
            stage.passes(5.5)
            assert set(api.keys(2)) == {"one", "two"}

    def test_none_left(self) -> None:
        """A key that says that no call is left isn't shown until there are more."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            api.keys(2, one=left(0, 40))
            del api.answers["one"]
            assert set(api.keys(3)) == {"two"}
            stage.passes(40.5)
            assert set(api.keys(2)) == {"one", "two"}

    def test_few_left(self) -> None:
        """As many calls as a key has left are under way with it at once, and no more."""
        with on_stage(keyed(one=9, two=1)) as stage:
            api = KeyedApi(stage)
            api.keys(1, one=left(2))
            for _ in range(6):
                api.ask()
            assert api.shown[1:].count("one") == 2
            api.answer()

    def test_limits_with_a_401(self) -> None:
        """What a 401 says of limits is of those without a key, and isn't heeded."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            api.call(one=(*REFUSED, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 3000"))
            del api.answers["one"]
            stage.passes(60.5)
            assert "one" in api.keys(2)

    def test_all_are_limited(self) -> None:
        """The call that finds the last one limited gets the 429; the next ones are told when the first is free."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=LIMITED, two=(*BARE_429, "Retry-After: 20")) == 429
            stage.passes(5)
            caller = api.ask()
            problem = caller.hears_problem(429, COOLING)
            assert problem["retry_after"] == 15
            assert attempts_of(stage.records[-1]) == []
            api.answers.clear()
            stage.passes(15.5)
            assert api.keys(2) == ["two", "two"]

    def test_standing_in_line(self) -> None:
        """Where calls may wait, they do until a key is free, and go on in their order, as many as it has left."""
        with on_stage(keyed(wait_s=60, one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=LIMITED, two=(*BARE_429, "Retry-After: 20")) == 429
            api.answers.clear()
            callers = [api.ask() for _ in range(3)]
            before = len(api.shown)
            stage.passes(19)
            api.look()
            assert len(api.shown) == before
            stage.passes(1.5)
            api.answer()
            assert api.shown[before:] == ["two"] * 3
            assert [status_of(caller) for caller in callers] == [200] * 3

    def test_waiting_while_the_document_changes(self) -> None:
        """Who waits goes by the keys that there were; who comes later by those that there are."""
        with on_stage(keyed(wait_s=60, one=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=LIMITED) == 429
            api.answers.clear()
            caller = api.ask()
            stage.worker.swap(keyed(wait_s=60, one=1, two=1))
            assert api.keys(2) == ["two", "two"]
            stage.passes(29)
            caller.hears_nothing()
            stage.passes(2)
            api.answer()
            assert status_of(caller) == 200
            assert api.shown[-1] == "one"

    def test_one_refused_the_other_limited(self) -> None:
        """Rather than meet a 401, a call is told when the key that works is free."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=REFUSED, two=LIMITED) == 429
            caller = api.ask()
            assert caller.hears_problem(429, COOLING)["retry_after"] == 30

    def test_reported_only(self) -> None:
        """In report mode the limits choose the key, and refuse nobody."""
        with on_stage(keyed(report=True, one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=LIMITED, two=(*BARE_429, "Retry-After: 20")) == 429
            api.answers.clear()
            assert api.call() == 200
            assert api.shown[-1] == "two"
            assert stage.records[-1]["decision"] == "report"

    def test_ignored(self) -> None:
        """Where limits are ignored, a 429 is still no answer while another key may do."""
        with on_stage(keyed(ignore=True, one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=LIMITED) == 200
            assert [api.call() for _ in range(3)] == [200] * 3
            assert api.shown == ["one", "two", "two", "one", "two", "two"]

    def test_of_the_whole_upstream(self) -> None:
        """What a server error asks for is asked of every call, whatever key it shows."""
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(one=("HTTP/1.1 503 Service Unavailable", "Content-Length: 0", "Retry-After: 7")) == 503
            assert api.ask().hears_problem(429, COOLING)["retry_after"] == 7

    def test_parts(self) -> None:
        """A part of the upstream has limits of its own, with each key; calls of other parts aren't held back."""
        search = (*BARE_429, "Retry-After: 30", "X-RateLimit-Resource: search")
        with on_stage(keyed(one=1, two=1)) as stage:
            api = KeyedApi(stage)
            assert api.call(start="GET /api/search/x HTTP/1.1", one=search, two=search) == 429
            api.answers.clear()
            assert api.ask(start="GET /api/search/y HTTP/1.1").hears_problem(429, COOLING)["retry_after"] == 30
            assert sorted(api.keys(2)) == ["one", "two"]


class TestOthers:
    """What workers tell each other."""

    def test_what_is_heard(self) -> None:
        """A key that another worker saw refused or limited isn't shown; nor is one that it saw accepted left out."""
        with on_stage(keyed(one=1, two=1)) as stage, on_stage(keyed(one=1, two=1)) as other:
            first, second = KeyedApi(stage), KeyedApi(other)
            words = said(stage)
            first.call(one=REFUSED)
            (rest,) = stage.worker.admission.pools.rests()
            assert (round(rest.for_ns / SECOND_NS), rest.reason) == (60, "401")
            other.worker.hear(rest)
            assert second.keys(3) == ["two", "two", "two"]
            other.worker.hear(Rest(rest.endpoint, 0, ""))
            assert set(second.keys(2)) == {"one", "two"}
            stage.passes(61)
            first.answers.clear()
            first.call(one=LIMITED)
            other.worker.hear(words[-1])
            assert second.keys(3) == ["two", "two", "two"]

    def test_what_is_heard_of_nobody(self) -> None:
        """A word about a key that this worker doesn't know changes nothing."""
        with on_stage(keyed(one=1)) as stage:
            stage.worker.hear(Rest("api#00000000", 60 * SECOND_NS, "401"))
            stage.worker.hear(Pause("other#00000000", "", 0, None, None, SECOND_NS))
            assert KeyedApi(stage).keys(1) == ["one"]

    def test_the_report(self) -> None:
        """Who watches sees which keys rest, why and for how long, by name."""
        with on_stage(keyed()) as stage:
            api = KeyedApi(stage)
            api.call(one=REFUSED, two=LIMITED)
            stage.passes(10)
            assert [(one["credential"], one["state"], one["status"], one["rests_s"]) for one in _report(stage)] == [
                ("bearer 1", "refused", 401, 50),
                ("bearer 2", "limited", None, 20),
            ]


def _report(stage: Stage) -> list[dict[str, Any]]:
    """The report, in whole seconds."""
    found = stage.worker.admission.pools.report()
    return [{**one, "rests_s": round(float(one["rests_s"] or 0))} for one in found]
