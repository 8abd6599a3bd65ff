"""Token sources and tokens on their way between processes."""

import pickle
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exeat.config.compile import load
from exeat.config.handover import (
    parse_token_sources,
    parse_tokens,
    render_token_sources,
    render_tokens,
    render_webhooks,
)
from exeat.config.settings import read_settings
from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.model.token import TokenNews, token_print
from exeat.model.token_source import TokenSource
from exeat.model.webhook import Webhook
from tests.support.markers import MARKERS


def sources_in(folder: Path) -> tuple[TokenSource, ...]:
    """A source of each kind."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    url = "https://login.example.com/token"
    secret = MARKERS.make("a client's secret")
    client = {"token_url": url, "client_id": "exeat"}
    google = {"type": "service_account", "client_email": "a@example.com", "private_key": pem, "token_uri": url}
    credentials: list[dict[str, object]] = [
        {"kind": "oauth2-client-credentials", **client, "client_secret": secret, "parameters": {"tenant": "of mine"}},
        {"kind": "oauth2-client-credentials", **client, "private_key": pem},
        {"kind": "oauth2-refresh-token", **client, "refresh_token": MARKERS.make("a refresh token")},
        {"kind": "jwt-bearer", "token_url": url, "issuer": "exeat", "private_key": pem, "claims": {"role": "reader"}},
        {"kind": "google-service-account", "key": orjson.dumps(google).decode(), "scope": "read"},
    ]
    upstreams = {
        f"api-{number}": {"url": "https://api.example.com", "credential": one} for number, one in enumerate(credentials)
    }
    file = folder / "exeat.yaml"
    file.write_bytes(orjson.dumps({"upstreams": upstreams}))
    MARKERS.add_input(file)
    return load(read_settings({}, folder)).token_sources


def test_sources_arrive_as_they_were(tmp_path: Path) -> None:
    """Every kind, with all of its secrets."""
    sources = sources_in(tmp_path)
    assert len(sources) == 5
    arrived = parse_token_sources(render_token_sources(sources))
    assert arrived == sources
    assert [source.id for source in arrived] == [source.id for source in sources]
    assert parse_token_sources(render_token_sources(())) == ()


def test_nothing_else_is_built() -> None:
    """Bytes that hold something else are refused."""
    with pytest.raises(pickle.UnpicklingError):
        parse_token_sources(pickle.dumps((print,)))
    with pytest.raises(pickle.UnpicklingError, match="no token sources"):
        parse_token_sources(render_webhooks(webhooks()))


def webhooks() -> tuple[Webhook, ...]:
    """Something that arrives by the same way."""
    return (Webhook("ops", Origin("https", "example.com", 443), b"/", Secret("c2VjcmV0"), frozenset()),)


def test_tokens_grow_old_on_their_way() -> None:
    """Times count from when they were said, by a clock that both ends have in common."""
    news = [
        TokenNews("a", Secret("a token"), 10.0, "the endpoint is down", 5.0),
        TokenNews("b", Secret("without an end")),
        TokenNews("c", reason="refused", again_in_s=1.0),
    ]
    first, second, third = parse_tokens(render_tokens(news, 100.0), 102.0)
    assert first == TokenNews("a", Secret("a token"), 8.0, "the endpoint is down", 3.0)
    assert (second, third) == (news[1], TokenNews("c", reason="refused", again_in_s=0.0))


def test_a_print_tells_tokens_apart() -> None:
    """It is the same for the same token, and shows nothing of it."""
    assert token_print(Secret("one")) == token_print(Secret("one")) != token_print(Secret("two"))
    assert "one" not in token_print(Secret("one"))
