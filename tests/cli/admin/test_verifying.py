"""The call that shows whether a preset's secret is accepted, against a server that looks where each API does."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from exeat.cli.admin.verifying import Outcome, verify
from exeat.config.presets import preset_names, read_preset
from exeat.config.settings import read_settings
from exeat.config.trial import compile_alone
from tests.support.certificates import Authority
from tests.support.origins import Origin, Peer
from tests.support.preset_apis import CLIENTS, PLACES, RIGHT, Api, standing
from tests.support.token_server import Ask, TokenServer, answering, refusing


def outcome_of(api: Api, secret: str = RIGHT, **more: Any) -> Outcome:
    """What the preset's call brings."""
    settings = read_settings({}, api.folder)
    preset, entry = read_preset(api.name), {**api.entry(secret), **more}
    return verify(preset, compile_alone(settings, api.name, entry, {}), entry["with"], settings)


def test_each_preset_has_its_place_here() -> None:
    """No preset is verified by nobody's table."""
    assert set(PLACES) | set(CLIENTS) == set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_secret_that_is_accepted(tmp_path: Path, name: str) -> None:
    """The preset's call reaches the API with the secret where that looks for it."""
    with standing(name, tmp_path) as api:
        outcome = outcome_of(api)
        assert outcome.accepted, outcome
        assert outcome.status == (None if name == "google" else 200)
        assert bool(api.tokens.asks) == (name in CLIENTS)


@pytest.mark.parametrize("name", [name for name in preset_names() if name != "google"])
def test_a_secret_that_is_not_accepted(tmp_path: Path, name: str) -> None:
    """Another secret is refused, and no call is made without a token."""
    with standing(name, tmp_path) as api:
        outcome = outcome_of(api, "wrong-secret-0123456789")
        assert not outcome.accepted
        assert "wrong-secret" not in outcome.meaning
        if name in CLIENTS:
            assert (outcome.status, api.origin.requests) == (None, [])
        else:
            assert "the secret isn't accepted" in outcome.meaning


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("204 No Content", "the secret is accepted"),
        ("302 Found", "points elsewhere"),
        ("400 Bad Request", "isn't understood"),
        ("403 Forbidden", "what it is allowed to do"),
        ("404 Not Found", "nothing is there"),
        ("418 I'm a teapot", "isn't accepted"),
        ("429 Too Many Requests", "try again later"),
        ("503 Service Unavailable", "trouble of its own"),
    ],
)
def test_what_a_status_means(tmp_path: Path, status: str, meaning: str) -> None:
    """Each kind of answer is told in words; a redirect isn't followed."""
    authority = Authority(tmp_path)
    lines = () if status[0] == "2" else ("Location: https://elsewhere.example/",)
    with (
        TokenServer(None) as tokens,
        Origin(lambda peer, _: peer.answer(b"", *lines, status=status), authority.server_context()) as origin,
    ):
        outcome = outcome_of(Api("github", origin, tokens, authority, tmp_path))
    assert (outcome.status, outcome.accepted) == (int(status[:3]), status[0] == "2")
    assert meaning in outcome.meaning


def test_the_rules_of_the_gateway_hold(tmp_path: Path) -> None:
    """Private addresses, certificates of strangers and answers that never come are refused as they are there."""
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with standing("github", tmp_path) as api:
        outcomes: Mapping[str, Outcome] = {
            "TLS with": outcome_of(api, tls={"ca": str(Authority(stranger).file)}),
            "can't be reached": outcome_of(api, url="https://127.0.0.1:1"),
        }
        assert all(word in outcome.meaning for word, outcome in outcomes.items()), outcomes
        assert not any(outcome.accepted for outcome in outcomes.values())
        outcome = outcome_of(api, url=f"https://localhost:{api.origin.port}", network={"private": ["10.0.0.0/8"]})
        assert (outcome.status, "address" in outcome.meaning) == (None, True), outcome
        assert api.origin.requests == []


def test_a_refresh_token_that_another_one_takes_the_place_of(tmp_path: Path) -> None:
    """It is told, so that the upstream isn't made with one that counts no more."""
    with standing("dropbox", tmp_path) as api:
        api.tokens.refresh, api.tokens.rotates, api.tokens.judge = RIGHT, True, None
        outcome = outcome_of(api)
        assert outcome.accepted
        assert outcome.renewed is not None
        assert outcome.renewed.reveal() == api.tokens.refresh != RIGHT


@pytest.mark.parametrize("answer", [refusing("invalid_client"), answering(b"<html>", "Content-Type: text/html")])
def test_a_token_endpoint_that_gives_none(tmp_path: Path, answer: Callable[[Peer, Ask], None]) -> None:
    """The reason is told, and the API isn't called."""
    with standing("zoom", tmp_path) as api:
        api.tokens.then(answer)
        outcome = outcome_of(api)
        assert (outcome.status, outcome.accepted, api.origin.requests) == (None, False, [])
        assert "token" in outcome.meaning
