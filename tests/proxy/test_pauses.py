"""Conversations about pauses that upstreams ask for: how long they last, and whom they keep back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from exeat.model.credential import Caller, Kind, Nothing
from exeat.model.limit import SECOND_NS, Limit, Scope
from exeat.model.limit import Kind as Counts
from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from exeat.proxy.cooling import PASSED_LIMIT
from exeat.state.ledger import Pause
from tests.support.playbook import BEGAN, KEYED, Party, Stage, message, on_stage
from tests.support.values import OTHER_KEY, consumer, grant, key, new_key, snapshot, upstream

HOST: Final = "Host: gateway.test"
OTHERS: Final = f"Exeat-Key: {OTHER_KEY.decode()}"
OK: Final = ("HTTP/1.1 200 OK", "Content-Length: 0")
FORBIDDEN: Final = ("HTTP/1.1 403 Forbidden", "Content-Length: 0", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 5")
TOO_MANY: Final = ("HTTP/1.1 429 Too Many Requests", "Content-Length: 0", "Retry-After: 30")
COOLING: Final = "upstream-cooling-down"


def cooled(kind: Kind | None = None, *, wait_s: float = 0) -> Snapshot:
    """An upstream whose limits are heeded, and two consumers of it: that of KEY, and that of OTHER_KEY."""
    limit = Limit(
        "upstream/api/provider",
        Counts.PROVIDER,
        Counts.PROVIDER,
        Scope.UPSTREAM,
        "api",
        amount=0,
        wait_ns=int(wait_s * SECOND_NS),
        queue=100 if wait_s else 0,
    )
    api = replace(upstream("api", "http://api.test", kind=kind, retries=Retries(limit=0)), provider=limit)
    owner = consumer({"api": [grant("api")]})
    keys = {"K": key(owner), "L": replace(key(replace(owner, name="app")), id="other")}
    return snapshot(api, known={bytes.fromhex(new_key(symbol).sha256): one for symbol, one in keys.items()})


class Scene:
    """Callers who ask one after the other, and an upstream that answers."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def ask(self, *lines: str, whose: str = KEYED) -> Party:
        """Somebody asks."""
        caller = self.stage.caller()
        caller.says("GET /api/a HTTP/1.1", HOST, whose, *lines)
        return caller

    def call(self, *lines: str, whose: str = KEYED, answer: tuple[str, ...] = OK) -> int:
        """One call, which the upstream answers if it gets there; the status that its caller hears."""
        before = len(self.stage.records)
        caller = self.ask(*lines, whose=whose)
        if len(self.stage.records) == before:
            self.answer(*answer)
        return int(caller.takes()[9:12])

    def answer(self, *lines: str) -> None:
        """The upstream answers what it was asked last."""
        self.stage.upstream(self.stage.dialled).sends(message(*lines))


@contextmanager
def acting(configuration: Snapshot) -> Iterator[Scene]:
    """A conversation about one upstream."""
    with on_stage(configuration) as stage:
        yield Scene(stage)


class TestHowLong:
    @pytest.mark.parametrize(
        "field",
        [f"X-RateLimit-Reset: {int(BEGAN) + 6}", "X-RateLimit-Reset: Thu, 01 Jan 2026 00:00:06 GMT"],
    )
    def test_an_answer_that_takes_long(self, field: str) -> None:
        """A point in time is one, whenever the call began: what is left of it counts from the answer."""
        with acting(cooled()) as scene:
            caller = scene.ask()
            scene.stage.passes(4)
            scene.answer("HTTP/1.1 429 Too Many Requests", "Content-Length: 0", "X-RateLimit-Remaining: 0", field)
            assert caller.takes().startswith(b"HTTP/1.1 429 ")
            refused = scene.ask()
            problem = refused.hears_problem(429, COOLING)
            assert problem["retry_after"] == 2
            scene.stage.passes(2.1)
            assert scene.call() == 200


class TestWhom:
    """The limits of a credential keep back nobody who shows another one."""

    def test_callers_with_credentials_of_their_own(self) -> None:
        """A pause is that of one consumer with one Authorization; another of either has nothing to do with it."""
        with acting(cooled(Caller())) as scene:
            assert scene.call("Authorization: Bearer c", answer=FORBIDDEN) == 403
            scene.ask("Authorization: Bearer c").hears_problem(429, COOLING)
            assert scene.call("Authorization: Bearer d", whose=OTHERS) == 200
            assert scene.call("Authorization: Bearer c", whose=OTHERS) == 200
            assert scene.call("Authorization: Bearer d") == 200
            assert scene.call() == 200
            scene.stage.passes(5.1)
            assert scene.call("Authorization: Bearer c") == 200

    def test_callers_who_show_none(self) -> None:
        """Consumers whose Authorization holds the Exeat key, or who send none, are told apart as well."""
        with acting(cooled(Caller())) as scene:
            assert scene.call(answer=TOO_MANY) == 429
            scene.ask().hears_problem(429, COOLING)
            scene.ask(whose=KEYED.replace("Exeat-Key:", "Authorization: Bearer")).hears_problem(429, COOLING)
            assert scene.call(whose=OTHERS) == 200

    @pytest.mark.parametrize("kind", [None, Nothing()])
    def test_everybody_who_shares_one(self, kind: Kind | None) -> None:
        """A credential of the gateway's own, or none at all, is the same for all."""
        with acting(cooled(kind)) as scene:
            assert scene.call("Authorization: Bearer c", answer=FORBIDDEN, whose=OTHERS if kind is None else KEYED)
            scene.ask(whose=OTHERS).hears_problem(429, COOLING)

    def test_lines(self) -> None:
        """Who waits for the end of a pause holds up nobody else; the problem names the upstream alone."""
        with acting(cooled(Caller(), wait_s=10)) as scene:
            assert scene.call("Authorization: Bearer c", answer=FORBIDDEN) == 403
            waiting = scene.ask("Authorization: Bearer c")
            assert scene.call("Authorization: Bearer d") == 200
            waiting.hears_nothing()
            scene.stage.passes(5.1)
            scene.answer(*OK)
            assert waiting.takes().startswith(b"HTTP/1.1 200 ")
            assert scene.call("Authorization: Bearer c", answer=TOO_MANY) == 429
            problem = scene.ask("Authorization: Bearer c").hears_problem(429, COOLING)
            assert problem["detail"] == "api asked for a pause."

    def test_what_workers_tell_each_other(self) -> None:
        """Others hear of it, and keep back the same calls; nothing of consumer or credential can be read in it."""
        words: list[Any] = []
        with acting(cooled(Caller())) as scene:
            scene.stage.worker.admission.share = words.append
            assert scene.call("Authorization: Bearer c", answer=TOO_MANY) == 429
            assert scene.stage.worker.admission.cooling(scene.stage.worker.admission.now()) == []
        (pause,) = words
        assert "shop" not in pause.owner
        assert "Bearer" not in pause.owner
        with acting(cooled(Caller())) as scene:
            scene.stage.worker.hear(pause)
            scene.ask("Authorization: Bearer c").hears_problem(429, COOLING)
            assert scene.call("Authorization: Bearer d") == 200
        with acting(cooled()) as scene:  # by another document
            scene.stage.worker.hear(pause)
            assert not scene.stage.worker.admission.is_needed
            scene.stage.worker.hear(Pause("api#00000000", "", 0, None, None, SECOND_NS))
            assert not scene.stage.worker.admission.is_needed

    def test_who_brings_ever_new_ones(self) -> None:
        """What one consumer brings beyond a bound is one; others aren't concerned, and all is forgotten in the end."""
        with acting(cooled(Caller())) as scene:
            for number in range(PASSED_LIMIT + 1):
                assert scene.call(f"Authorization: Bearer {number}", answer=TOO_MANY) == 429
            scene.ask("Authorization: Bearer new").hears_problem(429, COOLING)
            scene.ask("Authorization: Bearer 1").hears_problem(429, COOLING)
            assert scene.call("Authorization: Bearer new", whose=OTHERS) == 200
            scene.stage.passes(40)
            admission = scene.stage.worker.admission
            admission.tend()
            assert not admission.is_needed
            assert scene.call("Authorization: Bearer new") == 200
            assert scene.call("Authorization: Bearer 1", answer=TOO_MANY) == 429
            assert scene.call("Authorization: Bearer new") == 200
