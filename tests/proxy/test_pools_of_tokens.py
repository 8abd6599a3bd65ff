"""Conversations about pools whose credentials take a step of their own: tokens that are fetched, and signatures."""

import hashlib
import hmac
import re
from typing import Final

from exeat.model.credential import Token
from exeat.model.retries import Retries
from exeat.model.secret import Secret
from exeat.model.signing import HmacSignature
from exeat.model.snapshot import Snapshot
from exeat.model.token import TokenNews
from tests.support.keyed_api import REFUSED, KeyedApi, of, status_of
from tests.support.playbook import KEYED, Stage, on_stage
from tests.support.values import snapshot, upstream

HOST: Final = "Host: gateway.test"


def tokens() -> Snapshot:
    """Two tokens, each of a source of its own."""
    kinds = of((Token("a", "oauth2"), 1), (Token("b", "oauth2"), 1))
    return snapshot(upstream("api", "http://api.test", kind=kinds, retries=Retries(limit=0)))


def brings(stage: Stage, **found: str | None) -> None:
    """The broker tells what it has fetched; None where it couldn't."""
    for source, token in found.items():
        news = TokenNews(source, None, None, "the token endpoint answers 500", 30.0)
        if token is not None:
            news = TokenNews(source, Secret(token), 3600.0)
        stage.loop.do(stage.worker.presenting.tokens.take, news)


def asked(stage: Stage) -> list[tuple[str, bool]]:
    """Which tokens the broker is asked for, from here on, and whether one was refused."""
    words: list[tuple[str, bool]] = []
    stage.worker.presenting.tokens.ask = lambda source, refused: words.append((source, refused is not None))
    return words


def test_by_turns() -> None:
    """Each call shows the token of the credential whose turn it is."""
    with on_stage(tokens()) as stage:
        brings(stage, a="token-a", b="token-b")
        assert KeyedApi(stage).keys(4) == ["token-a", "token-b", "token-a", "token-b"]
        assert stage.records[-1]["credential"] == "oauth2 2"


def test_a_token_that_is_missing() -> None:
    """A credential that no token can be had for is passed over, and rests."""
    with on_stage(tokens()) as stage:
        brings(stage, a=None, b="token-b")
        api = KeyedApi(stage)
        assert api.keys(3) == ["token-b"] * 3
        (said,) = stage.worker.admission.pools.report()
        assert (said["credential"], said["state"], said["status"]) == ("oauth2 1", "refused", None)
        brings(stage, a="token-a")
        stage.passes(60.5)
        assert sorted(api.keys(4)) == ["token-a", "token-a", "token-b", "token-b"]


def test_no_token_at_all() -> None:
    """Without any, calls answer `credential-unavailable`, and go on as soon as one is there."""
    with on_stage(tokens()) as stage:
        brings(stage, a=None, b=None)
        api = KeyedApi(stage)
        for _ in range(3):
            api.ask().hears_problem(502, "credential-unavailable")
        brings(stage, a="token-a", b="token-b")
        assert set(api.keys(2)) <= {"token-a", "token-b"}


def test_a_token_is_renewed_first() -> None:
    """A token that is refused is renewed, and the call repeated with it; the credential doesn't rest for that."""
    with on_stage(tokens()) as stage:
        brings(stage, a="old-token", b="token-b")
        api, words = KeyedApi(stage), asked(stage)
        api.answers["old-token"] = REFUSED
        caller = api.ask()
        api.answer()
        assert words == [("a", True)]
        caller.hears_nothing()
        brings(stage, a="new-token")
        api.answer()
        assert status_of(caller) == 200
        assert api.shown == ["old-token", "new-token"]
        assert list(stage.worker.admission.pools.report()) == []


def test_a_new_token_that_is_refused() -> None:
    """Where the new token is refused, too, the credential rests, and the call goes on with another."""
    with on_stage(tokens()) as stage:
        brings(stage, a="old-token", b="token-b")
        api = KeyedApi(stage)
        asked(stage)
        api.answers |= {"old-token": REFUSED, "new-token": REFUSED}
        caller = api.ask()
        api.answer()
        brings(stage, a="new-token")
        api.answer()
        assert status_of(caller) == 200
        assert api.shown == ["old-token", "new-token", "token-b"]
        assert api.keys(2) == ["token-b", "token-b"]


def test_each_signs_for_itself() -> None:
    """A call that goes on is signed again, with the other key, over the body that was kept."""
    keys = (b"first-key", b"second-key")
    made = [
        (HmacSignature(Secret(key.decode()), "sha256", "hex", "{body}", (("X-Signature", "{signature}"),)), 1)
        for key in keys
    ]
    snapshot_ = snapshot(upstream("api", "http://api.test", kind=of(*made), retries=Retries(limit=0)))
    with on_stage(snapshot_) as stage:
        caller = stage.caller()
        caller.says("POST /api/x HTTP/1.1", HOST, KEYED, "Content-Length: 4", body="body")
        api, shown = stage.upstream(), []
        for answer in (REFUSED, ("HTTP/1.1 204 No Content",)):
            heard = api.takes_raw()
            assert heard.endswith(b"\r\n\r\nbody")
            found = re.search(rb"X-Signature: ([0-9a-f]+)\r\n", heard)
            assert found is not None
            shown.append(found[1].decode())
            api.says(*answer)
        assert shown == [hmac.new(key, b"body", hashlib.sha256).hexdigest() for key in keys]
        assert status_of(caller) == 204
