"""Signed links at a real gateway of two workers: made from its keyring, and good wherever that is."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.support.collector import Collector, collector
from tests.support.gateway import Gateway, MadeKey, make_key, run_exeat, wait_until
from tests.support.markers import MARKERS, assert_no_leaks
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller
from tests.support.recorded import run_here, wait_for_records

CALLS = 12  # that both workers take some of
UPLOAD = "/up/1?a=1"


class Place(NamedTuple):
    """A gateway, where its traces go, the host for files of its upstream, and keys."""

    gateway: Gateway
    collector: Collector
    files: Origin
    key: MadeKey
    limited: MadeKey
    document: dict[str, object]

    def call(self, method: str, target: str, *lines: str, body: bytes = b"") -> Answer:
        """Make a call on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, target, *lines, body=body)

    def begin(self, key: MadeKey) -> tuple[str, Answer]:
        """Where a file is to go, as the API says it to a key; it is a secret from then on."""
        answer = self.call("POST", "/api/begin", f"Exeat-Key: {key.key}")
        url = urlsplit(json.loads(answer.body)["upload_url"])
        value = url.query.partition("exeat-link=")[2]
        MARKERS.add("a signed link", value.rpartition(".")[2])
        return f"{url.path}?{url.query}", answer


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Two hosts of one API; all that may be kept of a call is kept."""
    key, limited = make_key(), make_key()
    with ExitStack() as stack:
        got, files = stack.enter_context(collector()), stack.enter_context(Origin())

        def behave(peer: Peer, request: Request) -> None:
            peer.read_body(request)
            peer.answer(json.dumps({"upload_url": files.url + UPLOAD}).encode(), "Content-Type: application/json")

        entry = stack.enter_context(Origin(behave)).entry(
            credential={"kind": "bearer", "secret": MARKERS.make("token")},
            siblings=[{"host": files.url, "credential": False}],
            links=[{"field": "upload_url", "signed": "15m"}],
            bodies={"response": "4KiB"},
        )
        keys = [{"sha256": key.sha256}, {"sha256": limited.sha256, "limits": [{"rate": "2/1h"}]}]
        document: dict[str, object] = {
            "audit": {"query_values": ["a", "exeat-link"]},
            "upstreams": {"api": entry},
            "consumers": {"web": {"keys": keys, "grants": ["*"]}},
        }
        env = {"EXEAT_OTLP_URL": got.url}
        gateway = stack.enter_context(Gateway(document, env, workers=2))
        yield Place(gateway, got, files, key, limited, document)
        assert_no_leaks(MARKERS.leaks_in(b"".join(got.raw), "what the collector got"))


def test_every_worker_takes_it(place: Place) -> None:
    """Whichever worker made a link, all take it; the file arrives without key, link or credential."""
    target, _ = place.begin(place.key)
    for number in range(CALLS):
        answer = place.call("POST", target, body=b"content %d" % number)
        assert (answer.status, answer.field("exeat-origin")) == (200, "upstream")
        assert answer.body.startswith(b"POST /up/1?a=1 HTTP/1.1\r\n")
        for text in (b"exeat-link", b"authorization", place.key.key.encode()):
            assert text not in answer.body.lower()
        line = place.gateway.access_line(answer.field("exeat-request-id"))
        assert (line["consumer"], line["key"], line["query"]) == ("web", place.key.sha256[:12], "a=1")


def test_what_is_kept_of_it(place: Place) -> None:
    """In the body that is kept of the answer that held it, it is masked; traces and refusals don't hold it either."""
    target, answer = place.begin(place.key)
    identifier = str(answer.field("exeat-request-id"))
    wait_for_records(place.gateway.folder, identifier)
    shown = run_here(place.gateway.folder, "audit", "body", identifier, "--side", "response", opens=True)
    assert shown.returncode == 0
    assert "/api/~" in shown.stdout
    assert "exeat_" in shown.stdout
    assert_no_leaks(MARKERS.leaks_in(shown.stdout, "the body that is kept"))
    refused = place.call("GET", target)
    assert (refused.status, refused.field("exeat-error")) == (401, "key-malformed")
    own = place.call("GET", f"/-/whoami?{target.partition('?')[2]}")
    assert own.status == 401
    for one in (refused, own):
        assert_no_leaks(MARKERS.leaks_in(one.body, "the answer"))
        place.gateway.access_line(one.field("exeat-request-id"))
    before = len(place.collector.raw)
    wait_until(lambda: len(place.collector.raw) > before, "traces")


def test_limits_count_it(place: Place) -> None:
    """A call by link is one of its key's."""
    target, _ = place.begin(place.limited)
    assert [place.call("POST", target).status for _ in range(2)] == [200, 429]


def test_it_outlives_a_rotation_of_the_keyring(place: Place) -> None:
    """After `keyring rotate` and a restart, old and new links work; those of a revoked key don't."""
    before, _ = place.begin(place.key)
    assert run_exeat("keyring", "rotate", cwd=place.gateway.folder).returncode == 0
    place.gateway.stop()
    place.gateway.start()
    after, _ = place.begin(place.key)
    assert before != after
    for target in (before, after):
        assert [place.call("POST", target).status for _ in range(CALLS)] == [200] * CALLS
    keys = [{"sha256": place.key.sha256, "revoked": True}]
    place.gateway.reload({**place.document, "consumers": {"web": {"keys": keys, "grants": ["*"]}}})
    answer = place.call("POST", before)
    assert (answer.status, answer.field("exeat-error")) == (401, "key-revoked")


def test_another_keyring(place: Place, tmp_path: Path) -> None:
    """A gateway that has another keyring doesn't take the link, though it knows the key."""
    place.gateway.reload(place.document)
    target, _ = place.begin(place.key)
    with Gateway(place.document, folder=tmp_path) as other, RawCaller(other.port) as caller:
        assert caller.call("POST", target).field("exeat-error") == "key-malformed"
    assert place.call("POST", target).status == 200
