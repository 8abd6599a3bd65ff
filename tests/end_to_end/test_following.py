"""What the control listener of a running gateway tells and does beside its configuration: live, limits, and calls."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.end_to_end.test_control_listener import TOKEN, Control, running
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller
from tests.support.redis import PASSWORD, redis_server

SECRET = MARKERS.make("secret of the tested upstream")
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
LIMIT_S = 30.0


def behave(peer: Peer, request: Request) -> None:
    """An upstream that wants its secret, and answers a status that the path names."""
    peer.read_body(request)
    if request.target.startswith("/closed") and request.values("authorization") != [f"Bearer {SECRET}"]:
        peer.answer(b"no", status="401 Unauthorized")
    elif request.target.startswith("/missing"):
        peer.answer(b"not here", status="404 Not Found")
    else:
        peer.answer(b'{"fine":true}', "Content-Type: application/json")


def document_for(upstream: Origin, key: MadeKey, *limits: dict[str, object], **more: object) -> dict[str, object]:
    """A consumer with these limits, who may call an upstream."""
    return {
        "upstreams": {"api": {**upstream.entry(), **more}},
        "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"], "limits": list(limits)}},
    }


def call(gateway: Gateway, key: MadeKey, *paths: str) -> list[int]:
    """The statuses of calls."""
    with RawCaller(gateway.port) as caller:
        return [caller.call("GET", path, f"Exeat-Key: {key.key}").status for path in paths]


class Follower:
    """One who follows a gateway, in a thread."""

    def __init__(self, control: Control, **params: str) -> None:
        urls = control.gateway.serving["control"]
        assert isinstance(urls, list)
        self.events: list[tuple[str, Any]] = []
        self._url = f"{urls[0]}/api/v1/live"
        self._params = params
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with httpx.stream("GET", self._url, headers=HEADERS, params=self._params, timeout=LIMIT_S) as response:
            event = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    self.events.append((event, json.loads(value)))

    def of(self, event: str) -> list[Any]:
        """The data of all events of a kind."""
        return [data for name, data in self.events if name == event]

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()


def follow(control: Control, **params: str) -> Follower:
    """One who has been told how it stands."""
    follower = Follower(control, **params)
    wait_until(lambda: bool(follower.of("tick")), "it follows", LIMIT_S)
    return follower


def test_an_exchange_arrives_live() -> None:
    """Who follows sees each exchange that fits as it is recorded, and how much there is to do; then the end."""
    key = make_key()
    with Origin(behave) as upstream:
        with running(document_for(upstream, key, price="0.25 EUR"), workers=2) as control:
            everything, missing = follow(control), follow(control, status="4xx", where="upstream=api")
            assert call(control.gateway, key, "/api/a", "/api/missing/b", "/api/c") == [200, 404, 200]
            wait_until(lambda: len(everything.of("record")) >= 3, "the exchanges are seen")
            wait_until(lambda: bool(missing.of("record")), "the missing one is seen")
            exchanges = [record for record in everything.of("record") if record["kind"] == "exchange"]
            assert sorted(record["path"] for record in exchanges) == ["/a", "/c", "/missing/b"]
            assert [record["path"] for record in missing.of("record")] == ["/missing/b"]
            shown = control.ask("GET", f"/records/{exchanges[0]['id']}", **HEADERS).json()
            assert shown == exchanges[0]

            def is_told() -> bool:
                tick = everything.of("tick")[-1]
                return bool(tick["requests_per_s"] > 0 and tick["upstream_errors"].get("4xx") and tick["p50_ms"])

            wait_until(is_told, "the rates are told")
        for follower in (everything, missing):
            follower.join()
            assert follower.of("end") == [{"reason": "this gateway ends"}]


def limits_of(control: Control) -> Mapping[str, Any]:
    """Every limit by its name."""
    response = control.ask("GET", "/limits", **HEADERS)
    assert response.status_code == 200, response.text
    return {limit["name"]: limit for limit in response.json()["items"]}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_left_is_known(workers: int) -> None:
    """What is left of each limit is exact over all workers, and known after a restart before anybody has called."""
    key = make_key()
    limits: list[dict[str, object]] = [
        {"quota": "100/year", "name": "yearly"}, {"budget": "10 EUR/year", "name": "money"},
        {"rate": "10/hour", "burst": 50, "name": "hourly"}, {"concurrency": 7, "name": "at-once"},
        {"rate": "1000/second", "per": "ip", "name": "split"},
    ]  # fmt: skip
    with (
        Origin(behave) as upstream,
        running(document_for(upstream, key, *limits, price="0.25 EUR"), workers=workers) as control,
    ):
        threads = [threading.Thread(target=call, args=(control.gateway, key, *["/api/a"] * 5)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        def left() -> dict[str, Any]:
            return {name: limit["left"] for name, limit in limits_of(control).items()}

        expected = {"yearly": 80, "money": 5.0, "hourly": 30, "at-once": 7, "split": None}
        wait_until(lambda: left() == expected, "what is left is exact")
        shown = limits_of(control)
        assert shown["money"]["left_ratio"] == 0.5
        assert shown["yearly"]["resets_at"].endswith("-01-01T00:00:00Z")
        assert shown["hourly"]["resets_at"] is not None
        control.gateway.stop()
        control.gateway.start()
        again = {**expected, "hourly": 50}
        wait_until(lambda: left() == again, "what is left is known")


def test_what_is_left_in_redis() -> None:
    """Where several instances count together in Redis, what is left is known of all of them, and nothing is taken."""
    key = make_key()
    MARKERS.add("the password of Redis", PASSWORD)
    limits: list[dict[str, object]] = [
        {"quota": "100/year", "name": "yearly"},
        {"rate": "10/hour", "burst": 50, "name": "hourly"},
        {"concurrency": 7, "name": "at-once"},
    ]
    with redis_server() as redis, Origin(behave) as upstream:
        document, url = document_for(upstream, key, *limits), redis.url
        with running(document, EXEAT_REDIS_URL=url) as one, running(document, EXEAT_REDIS_URL=url) as other:
            for control in (one, other):
                assert call(control.gateway, key, *["/api/a"] * 5) == [200] * 5

            def left(control: Control) -> dict[str, Any]:
                return {name: limit["left"] for name, limit in limits_of(control).items()}

            expected = {"yearly": 90, "hourly": 40, "at-once": 7}
            for control in (one, other, one):
                wait_until(lambda control=control: left(control) == expected, "what is left is exact")  # type: ignore[misc] # a default


def test_events_are_shown() -> None:
    """What the log and webhooks tell of is shown, newest first."""
    key = make_key()
    with (
        Origin(behave) as upstream,
        running(document_for(upstream, key, {"quota": "1/year", "name": "one"})) as control,
    ):
        assert call(control.gateway, key, "/api/a", "/api/a") == [200, 429]

        def found() -> list[str]:
            items = control.ask("GET", "/events", **HEADERS).json()["items"]
            return [event["type"] for event in items if event["data"]["limit"] == "one"]

        wait_until(lambda: found() == ["limit.reached", "limit.nearly"], "the events are shown")


@contextmanager
def guarded(key: MadeKey, authority: Authority) -> Iterator[Gateway]:
    """A gateway whose listeners want TLS, and its upstream."""
    with Origin(behave, authority.server_context()) as upstream:
        document = document_for(upstream, key)
        document["upstreams"] = {"api": upstream.entry(authority.file)}
        env = {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "EXEAT_ADMIN_TOKEN": TOKEN}
        with Gateway(document, env, tls=True) as gateway:
            yield gateway


def try_call(url: str, key: str, context: ssl.SSLContext | None = None, **members: object) -> Any:
    """What POST /call answers."""
    body = {"key": key, "call": members}
    verify = context or False
    response = httpx.post(f"{url}/api/v1/call", headers=HEADERS, json=body, timeout=LIMIT_S, verify=verify)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_call_is_tried_over_tls(authority: Authority) -> None:
    """A call that is tried goes through the gateway's own listener, whose certificate is the one that it has."""
    key = make_key()
    with guarded(key, authority) as gateway:
        urls = gateway.serving["control"]
        assert isinstance(urls, list)
        context = ssl.create_default_context(cafile=str(gateway.certificate))
        came = try_call(urls[0], key.key, context, upstream="api", path="/x")
        assert (came["status"], came["answer"]["status"], came["answer"]["json"]) == (200, 200, {"fine": True})
        request_id = came["answer"]["meta"]["request_id"]
        line = gateway.access_line(request_id)
        assert (line["consumer"], line["mode"], line["path"]) == ("web", "envelope", "/x")
        other = try_call(urls[0], make_key().key, context, upstream="api", path="/x")
        assert (other["status"], other["answer"]["code"]) == (401, "key-unknown")


def test_a_call_over_a_unix_socket() -> None:
    """Where the gateway listens on a Unix socket alone, the call goes there."""
    key = make_key()
    with (
        Origin(behave) as upstream,
        running(document_for(upstream, key), EXEAT_LISTEN="unix:gateway.sock") as control,
    ):
        urls = control.gateway.serving["control"]
        assert isinstance(urls, list)
        assert try_call(urls[0], key.key, upstream="api", path="/x")["answer"]["ok"] is True


@pytest.mark.parametrize(
    ("path", "credential", "status", "accepted"),
    [
        ("/closed", {"kind": "bearer", "secret": SECRET}, 200, True),
        ("/closed", {"kind": "bearer", "secret": f"{SECRET}x"}, 401, False),
        ("/missing", "none", 404, False),
        (None, "none", 200, True),
    ],
)
def test_an_upstream_is_called(path: str | None, credential: object, status: int, accepted: bool) -> None:  # noqa: FBT001 - a table
    """A test shows whether an upstream answers and takes its credential, which is in no answer."""
    with Origin(behave) as upstream:
        document = document_for(upstream, make_key(), credential=credential)
        with running(document) as control:
            response = control.ask("POST", "/upstreams/api/test", {} if path is None else {"path": path}, **HEADERS)
            assert response.status_code == 200, response.text
            found = response.json()
            assert (found["status"], found["accepted"], found["path"]) == (status, accepted, path or "/")
            assert SECRET not in response.text
            wait_until(lambda: bool(control.changes("test")), "it is recorded")
            [record] = control.changes("test")
            assert record["object"] == "upstream/api"
            assert str(record["actor"]).startswith("admin/")


def test_an_upstream_that_is_not_there() -> None:
    """An upstream that nobody answers for, or that may not be reached, is told with the reason."""
    with Origin(behave) as gone:
        entry = gone.entry()
    inside = {**entry, "url": str(entry["url"]).replace("127.0.0.1", "localhost"), "network": {}}
    document = {"upstreams": {"gone": entry, "inside": inside}}
    with running(document) as control:
        for name, reason in (("gone", "can't be reached"), ("inside", "network")):
            found = control.ask("POST", f"/upstreams/{name}/test", {}, **HEADERS).json()
            assert (found["status"], found["accepted"]) == (None, False)
            assert reason in found["meaning"], found


def test_how_it_runs() -> None:
    """Settings are shown without secrets, and the doctor looks at the gateway while it runs."""
    with running({}, EXEAT_DRAIN_S="7") as control:
        response = control.ask("GET", "/settings", **HEADERS)
        shown = {item["variable"]: item for item in response.json()["items"]}
        assert (shown["EXEAT_DRAIN_S"]["value"], shown["EXEAT_DRAIN_S"]["is_set"]) == ("7", True)
        assert (shown["EXEAT_ADMIN_TOKEN"]["value"], shown["EXEAT_ADMIN_TOKEN"]["is_set"]) == (None, True)
        assert shown["EXEAT_KEYRING"]["is_set"] is False
        assert TOKEN not in response.text
        found = control.ask("GET", "/doctor", **HEADERS).json()["items"]
        assert {finding["name"] for finding in found} >= {"document", "data directory", "database", "audit trail"}
        assert "wrong" not in {finding["state"] for finding in found}


def test_the_end_does_not_wait_for_who_follows() -> None:
    """A gateway that drains tells those who follow it so, and ends as fast as without them."""
    with running({}) as control:
        follower = follow(control)
        began = time.monotonic()
        control.gateway.stop()
        assert time.monotonic() - began < 8
        follower.join()
        assert follower.of("end")
        control.gateway.start()
