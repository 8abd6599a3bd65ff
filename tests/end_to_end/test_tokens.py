"""Tokens from end to end: calls show what the broker fetches, whatever becomes of workers, processes and documents."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, make_key, run_exeat, wait_until
from tests.support.origins import Origin, Peer, Request
from tests.support.token_place import Place, credential, document_of, placed
from tests.support.token_server import Ask, TokenServer, failing, guarded, hang, tokens_shown

WORKERS = 3
FETCHED = "a token is fetched"


def test_one_token_for_all_workers(authority: Authority) -> None:
    """It is fetched once, and whoever comes before it waits; what the caller shows by itself goes nowhere."""
    with placed(authority, TokenServer(authority), workers=WORKERS) as place:
        assert place.crowd(4 * WORKERS, 10) == [200] * 40 * WORKERS
        place.call("/api/x", "Authorization: Bearer of-the-caller")
        assert set(place.shown()) == set(place.server.tokens)
        assert len(place.server.asks) == 1
        (ask,) = place.server.asks
        assert ask.form["grant_type"] == "client_credentials"
        assert ask.request.values("user-agent")[0].startswith("Exeat/")


@pytest.mark.parametrize(("name", "prefix"), [("X-Token", ""), ("Authorization", "token ")])
def test_where_a_token_is_shown(authority: Authority, name: str, prefix: str) -> None:
    """In the field that the document names, behind what it writes before it."""
    server = TokenServer(authority)
    with placed(authority, server, guarded(server, name=name, prefix=prefix), name=name, prefix=prefix) as place:
        assert place.call().status == 200
        assert tokens_shown(place.origin.requests, name, prefix) == place.server.tokens


def test_a_refused_token_is_replaced(authority: Authority) -> None:
    """A 401 brings another token and the call again, once for all workers; the caller sees nothing of it."""
    with placed(authority, TokenServer(authority), workers=WORKERS) as place:
        assert place.call().status == 200
        place.server.revoke()
        assert place.crowd(4 * WORKERS, 10) == [200] * 40 * WORKERS
        assert len(place.server.asks) == 2
        place.server.revoke()
        assert place.call(method="POST", body=b"a body that is here as a whole").status in {200, 401}


def test_a_refusal_that_no_token_mends(authority: Authority) -> None:
    """Where the upstream refuses one thing to everybody, the caller is told so, and nothing else is held up by it."""
    server = TokenServer(authority)
    takes = guarded(server)

    def behave(peer: Peer, request: Request) -> None:
        if request.target == "/forbidden":
            peer.read_body(request)
            peer.answer(b"no", status="401 Unauthorized")
        else:
            takes(peer, request)

    with placed(authority, server, behave, workers=WORKERS) as place:
        for _ in range(10):
            assert place.call("/api/forbidden").status == 401
            assert place.call("/api/x").status == 200
        assert len(server.asks) == 2
        sent = [request for request in place.origin.requests if request.target == "/forbidden"]
        assert len(sent) <= 10 + WORKERS


def test_the_last_token_counts_until_its_end(authority: Authority) -> None:
    """An endpoint that is down is noticed by nobody who calls while there is a good token."""
    with placed(authority, TokenServer(authority, lives_s=6)) as place:
        assert place.call().status == 200
        place.server.always(failing())
        ends_at = place.server.asks[0].at + 6
        fine_until = time.monotonic()
        while (answer := place.call()).status == 200:
            fine_until = time.monotonic()
            assert fine_until < ends_at + 1
            time.sleep(0.02)  # a pace of the calls: nothing is waited for
        assert fine_until > ends_at - 2
        assert len(place.server.asks) >= 2
        assert answer.field("exeat-error") == "credential-unavailable"
        assert len(place.server.tokens) == 1
        place.server.always(None)
        wait_until(lambda: place.call().status == 200, "there is a token again")
        loud = [str(event["message"]) for event in place.gateway.events() if event["level"] in {"error", "warning"}]
        assert loud.count("a token can't be fetched; the one before counts until it ends") == 1
        assert loud.count("a token can't be fetched; calls that need it are refused") <= 1
        assert len(place.gateway.events("a token is fetched again")) == 1


def test_who_comes_while_it_is_fetched_waits(authority: Authority) -> None:
    """Calls of an upstream without a token wait for it, for as long as the endpoint may take."""
    server = TokenServer(authority)

    def late(peer: Peer, ask: Ask) -> None:
        server.over.wait(2)
        server.issue(peer, ask)

    server.always(late)
    with placed(authority, server, workers=WORKERS) as place:
        assert place.crowd(WORKERS * 4, 1) == [200] * 4 * WORKERS
        assert len(server.asks) == 1


def test_processes_that_die(authority: Authority) -> None:
    """A new worker knows the token, and so does a new control process: nothing is fetched for either."""
    with placed(authority, TokenServer(authority), workers=2) as place:
        assert place.call().status == 200
        (control,) = place.gateway.control_pids()
        with place.gateway.expect("control process died; it is started again"):
            os.kill(control, signal.SIGKILL)
        assert place.crowd(4, 5) == [200] * 20
        with place.gateway.expect("worker is ready"):
            place.gateway.kill_worker(place.gateway.worker_pids()[0])
        assert place.crowd(4, 5) == [200] * 20
        wait_until(lambda: place.gateway.control_pids() not in ([], [control]), "another control process")
        assert len(place.server.asks) == 1
        place.server.revoke()
        wait_until(lambda: place.call().status == 200, "the new process fetches")
        assert len(place.server.asks) == 2


def test_workers_that_are_replaced(authority: Authority) -> None:
    """A worker that takes another's place has the token when it begins to serve."""
    with placed(authority, TokenServer(authority), workers=2) as place:
        assert place.call().status == 200
        place.gateway.signal(signal.SIGUSR2)
        wait_until(lambda: len(place.gateway.events("worker is gone")) == 2, "both workers are replaced")
        assert place.crowd(4, 5) == [200] * 20
        assert len(place.server.asks) == 1


def test_another_secret(authority: Authority) -> None:
    """A document that is reloaded with another secret fetches another token, and one that changes nothing doesn't."""
    with placed(authority, TokenServer(authority), workers=2) as place:
        assert place.call().status == 200
        more: dict[str, object] = {"destinations": ["example.com"]}
        place.gateway.reload({**place.document, **more})
        assert place.call().status == 200
        assert len(place.server.asks) == 1
        shown = credential(place.server, scope="read write")
        place.gateway.reload(document_of(place.origin, authority, place.key, shown))
        assert place.crowd(4, 5) == [200] * 20
        assert len(place.server.asks) == 2
        assert place.server.asks[1].form["scope"] == "read write"
        assert place.shown()[-1] == place.server.tokens[1]


def test_a_document_that_begins_to_need_tokens(authority: Authority) -> None:
    """A gateway that had no source gets one, and loses it again."""
    key = make_key()
    with TokenServer(authority) as server, Origin(guarded(server), authority.server_context()) as origin:
        without = document_of(origin, authority, key, {"kind": "none"})
        with Gateway(without, {"SSL_CERT_FILE": str(authority.file)}, workers=2) as gateway:
            place = Place(gateway, server, origin, key, without)
            assert place.call().status == 401
            gateway.reload(document_of(origin, authority, key, credential(server)))
            assert place.crowd(4, 5) == [200] * 20
            gateway.reload(without)
            assert place.call().status == 401
            assert len(server.asks) == 1


def test_a_stop_does_not_wait_for_an_endpoint(authority: Authority) -> None:
    """A gateway whose token endpoint hangs ends as soon as any other."""
    server = TokenServer(authority)
    server.always(hang)
    with placed(authority, server) as place:
        server.wait_for(1)
        place.gateway.signal(signal.SIGTERM)
        assert place.gateway.wait(5.0) == 0


def test_explain_says_where_the_token_comes_from(authority: Authority, tmp_path: Path) -> None:
    """It names the kind and the field, and shows no secret; it fetches nothing."""
    key = make_key()
    with TokenServer(authority) as server, Origin(guarded(server), authority.server_context()) as origin:
        document = document_of(origin, authority, key, credential(server))
        with Gateway(document, folder=tmp_path):
            said = run_exeat("explain", "web", "GET", "/api/x", cwd=tmp_path)
        assert said.returncode == 0, said.stderr
        assert "oauth2-client-credentials" in said.stdout
        assert "Authorization: Bearer" in said.stdout
