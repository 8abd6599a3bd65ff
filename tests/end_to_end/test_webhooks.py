"""Limits that are used up are told to operators: in the log, and to webhooks over TLS, signed."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, make_key, run_exeat, wait_until
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller
from tests.support.receiver import Message, Receiver, unless

NEARLY, REACHED = "limit is nearly used up", "limit is used up"
WORKERS = 4


class Place:
    """A gateway whose consumer has limits, and which tells receivers of them."""

    def __init__(self, gateway: Gateway, key: str, document: dict[str, object]) -> None:
        self.gateway = gateway
        self.document = document
        self._key = key

    def call(self, count: int = 1) -> list[int]:
        """The statuses of so many calls, one after the other."""
        with RawCaller(self.gateway.port) as caller:
            return [caller.call("GET", "/api/x", f"Exeat-Key: {self._key}").status for _ in range(count)]

    def crowd(self, callers: int, calls: int) -> None:
        """Have many call at once."""
        threads = [threading.Thread(target=self.call, args=(calls,)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def said(self) -> dict[str, int]:
        """How often the log has told of a limit."""
        return {message: len(self.gateway.events(message)) for message in (NEARLY, REACHED)}


@contextmanager
def telling(
    authority: Authority,
    limits: list[dict[str, object]],
    *webhooks: dict[str, object],
    workers: int = 1,
    env: dict[str, str] | None = None,
    **more: object,
) -> Iterator[Place]:
    """A gateway with these limits of its consumer and these webhooks."""
    key = make_key()
    with Origin(lambda peer, _: peer.answer(b"fine"), authority.server_context()) as origin:
        document: dict[str, object] = {
            "upstreams": {"api": origin.entry(authority.file)},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"], "limits": limits}},
            "webhooks": list(webhooks),
            **more,
        }
        settings = {"SSL_CERT_FILE": str(authority.file), **(env or {})}
        with Gateway(document, settings, workers=workers) as gateway:
            yield Place(gateway, key.key, document)
            assert not [event for event in gateway.events() if str(event["message"]).startswith("bug: ")]


def types(messages: list[Message]) -> list[str]:
    """What they are about."""
    return [message.type for message in messages]


def test_each_crossing_is_told_once(authority: Authority) -> None:
    """Whichever of several workers spends, each mark is told once; also when everything was killed and runs again."""
    quota: dict[str, object] = {"quota": "200/year", "name": "yearly", "zone": "Europe/Berlin"}
    with (
        Receiver(authority) as receiver,
        telling(authority, [quota], receiver.entry(), workers=WORKERS) as place,
    ):
        place.crowd(4 * WORKERS, 20)
        nearly, reached = receiver.wait_for(2)
        assert types([nearly, reached]) == ["limit.nearly", "limit.reached"]
        assert nearly.id != reached.id
        assert reached.target == "/events?to=ops"
        assert 160 <= nearly.data["used"] <= reached.data["used"] == reached.data["amount"] == 200
        window = reached.data.pop("window")
        assert window["unit"] == "year"
        assert window["begin"].endswith("-12-31T23:00:00Z")
        instance = reached.data.pop("instance")
        assert reached.data == {
            "scope": "consumer", "owner": "web", "limit": "yearly", "kind": "quota", "per": None, "value": None,
            "used": 200, "amount": 200, "currency": None,
        }  # fmt: skip
        [line] = place.gateway.events(REACHED)
        told = {name: line[name] for name in ("level", "process", "scope", "owner", "limit", "used", "amount")}
        assert told == {
            "level": "warning", "process": "supervisor", "scope": "consumer", "owner": "web", "limit": "yearly",
            "used": 200, "amount": 200,
        }  # fmt: skip
        assert instance == (place.gateway.folder / "exeat-data" / "instance").read_text("ascii").strip()
        assert place.said() == {NEARLY: 1, REACHED: 1}
        place.gateway.kill()
        wait_until(lambda: not place.gateway.is_running, "its end")
        place.gateway.start()
        assert set(place.call(8)) == {429}
        unless(lambda: len(receiver.messages) > 2, 0.5)
        assert place.said() == {NEARLY: 0, REACHED: 0}
        assert place.gateway.events("control process died; it is started again") == []


def test_a_budget_is_told_in_its_currency(authority: Authority) -> None:
    """Money is told as decimal text; who splits a limit is told, a field's value as a digest; other events aren't."""
    budget: dict[str, object] = {"budget": "0.10 USD/year", "price": "0.03 USD", "per": "header:X-Tenant"}
    with (
        Receiver(authority) as receiver,
        telling(authority, [budget], receiver.entry(events=["limit.reached"])) as place,
        RawCaller(place.gateway.port) as caller,
    ):
        lines = (f"Exeat-Key: {place._key}", "X-Tenant: a-tenant's-name")  # noqa: SLF001 - one more field
        assert [caller.call("GET", "/api/x", *lines).status for _ in range(4)] == [200, 200, 200, 402]
        [message] = receiver.wait_for(1)
        data = message.data
        assert (data["used"], data["amount"], data["currency"]) == ("0.09", "0.1", "USD")
        assert data["per"] == "header:x-tenant"
        assert len(data["value"]) == 24
        assert "a-tenant" not in json.dumps(data) + place.gateway.stderr()
        assert place.said() == {NEARLY: 1, REACHED: 1}


@pytest.mark.slow
def test_what_is_not_taken_comes_again(authority: Authority) -> None:
    """An event that is answered with a redirect, which isn't followed, comes again with the same id."""
    with (
        Receiver(authority, 307) as receiver,
        telling(authority, [{"quota": "1/year"}], receiver.entry(events=["limit.reached"])) as place,
    ):
        assert place.call() == [200]
        first, second = receiver.wait_for(2)
        assert first.id == second.id
        assert first.target == second.target
        assert 4.5 < second.at - first.at < 8
        [line] = place.gateway.events("a webhook doesn't take an event; it is sent again")
        assert (line["webhook"], line["reason"], line["again_s"]) == ("ops", "it answers 307", 5.0)
        assert "what nobody reads" not in place.gateway.stderr()


def test_one_that_hangs_holds_up_no_other(authority: Authority) -> None:
    """A receiver that never answers is no reason for another to wait."""
    with (
        Receiver(authority, 0) as hanging,
        Receiver(authority) as good,
        telling(authority, [{"quota": "1/year"}], hanging.entry("a"), good.entry("b")) as place,
    ):
        assert place.call() == [200]
        assert types(good.wait_for(2)) == ["limit.nearly", "limit.reached"]
        assert types(hanging.wait_for(1)) == ["limit.nearly"]


@pytest.mark.slow
def test_what_waits_survives(authority: Authority) -> None:
    """An event that nobody has taken yet is sent after everything was killed."""
    with (
        Receiver(authority, 503) as receiver,
        telling(authority, [{"quota": "1/year"}], receiver.entry(events=["limit.reached"])) as place,
    ):
        assert place.call() == [200]
        wait_until(lambda: bool(place.gateway.events("a webhook doesn't take an event; it is sent again")), "a failure")
        controls = place.gateway.control_pids()
        place.gateway.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in controls), "its end")
        place.gateway.start()
        first, second = receiver.wait_for(2)
        assert first.id == second.id


def test_gone_is_told_nothing_more(authority: Authority) -> None:
    """`410` ends it, until the document says something else of the webhook."""
    limits: list[dict[str, object]] = [{"quota": "1/year"}]
    with Receiver(authority, 410) as receiver, telling(authority, limits, receiver.entry()) as place:
        assert place.call() == [200]
        wait_until(
            lambda: bool(place.gateway.events("a webhook says that it is gone (410); it is told nothing more")), ""
        )
        unless(lambda: len(receiver.messages) > 1, 0.3)
        changed = json.loads(json.dumps(place.document))
        changed["consumers"]["web"]["limits"] = [{"quota": "1/month"}]
        changed["webhooks"] = [receiver.entry(events=["limit.reached"])]
        place.gateway.reload(changed)
        place.call(3)
        assert types(receiver.wait_for(2)) == ["limit.nearly", "limit.reached"]


def test_an_event_waits_for_a_control_process_that_died(authority: Authority) -> None:
    """An event that happens while the control process is away is told by its successor."""
    limits: list[dict[str, object]] = [{"quota": "1/year"}]
    with Receiver(authority) as receiver, telling(authority, limits, receiver.entry()) as place:
        [control] = place.gateway.control_pids()
        with place.gateway.expect("control process died; it is started again"):
            os.kill(control, signal.SIGKILL)
        assert place.call() == [200]
        assert types(receiver.wait_for(2)) == ["limit.nearly", "limit.reached"]


def test_private_addresses_are_refused(authority: Authority) -> None:
    """A name that leads to an address whose network isn't granted gets nothing, whatever serves there."""
    with Receiver(authority) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        entry = receiver.entry(url=url, network={})
        with telling(authority, [{"quota": "1/year"}], entry) as place:
            assert place.call() == [200]
            failed = "a webhook doesn't take an event; it is sent again"
            wait_until(lambda: bool(place.gateway.events(failed)), "a refusal")
            assert "its network isn't granted" in str(place.gateway.events(failed)[0]["reason"])
            assert receiver.messages == []


def test_it_can_be_tried(authority: Authority, tmp_path: Path) -> None:
    """`exeat webhook test` sends one signed message and says what became of it."""
    with Receiver(authority, 204, 500) as receiver, Receiver(None) as plain:
        webhooks = [receiver.entry(), plain.entry("plain", plaintext=True)]
        (tmp_path / "exeat.yaml").write_text(json.dumps({"webhooks": webhooks}), "utf-8")
        env = {"SSL_CERT_FILE": str(authority.file)}
        assert run_exeat("migrate", cwd=tmp_path, env=env).returncode == 0
        done = run_exeat("webhook", "test", "ops", cwd=tmp_path, env=env)
        assert (done.returncode, done.stdout) == (0, "webhook ops has taken the message (status 204).\n"), done.stderr
        [message] = receiver.wait_for(1)
        assert (message.type, message.data) == ("webhook.test", {"webhook": "ops"})
        done = run_exeat("webhook", "test", "ops", cwd=tmp_path, env=env)
        assert (done.returncode, done.stdout) == (1, "")
        assert "webhook ops hasn't taken the message: it answers 500" in done.stderr
        assert run_exeat("webhook", "test", "plain", "--json", cwd=tmp_path, env=env).returncode == 0
        done = run_exeat("webhook", "test", "nobody", cwd=tmp_path, env=env)
        assert done.returncode == 2
        assert "There is no webhook 'nobody'" in done.stderr
