"""The openai SDK against a model API's stand-in over TLS: a base URL and an Exeat key are all that it is told."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import openai
import pytest

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, make_key
from tests.support.model_api import MODEL, WORDS, model_api
from tests.support.origins import Origin

SECRET = "secret-of-the-model-api"


class Place(NamedTuple):
    """Where the SDK calls, with which key, and the API behind it."""

    url: str
    key: str
    api: Origin


@pytest.fixture(scope="module", params=["plain", "tls"])
def place(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A gateway whose callers connect in plaintext or over TLS, before the model API."""
    key = make_key()
    env = {}
    if request.param == "tls":
        folder = Path(tmp_path_factory.mktemp("listener"))
        authority.write_pair(folder / "listener.pem", folder / "listener.key")
        env = {"EXEAT_TLS_CERTIFICATE": str(folder / "listener.pem"), "EXEAT_TLS_KEY": str(folder / "listener.key")}
    with Origin(model_api(SECRET), authority.server_context()) as api:
        upstream = api.entry(authority.file, credential={"kind": "bearer", "secret": SECRET})
        consumers = {"chat": {"keys": [{"sha256": key.sha256}], "grants": ["model"]}}
        with Gateway({"upstreams": {"model": upstream}, "consumers": consumers}, env) as gateway:
            yield Place(f"{gateway.url}/model/v1", key.key, api)


@pytest.fixture(autouse=True)
def _trust(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the SDK trust the authority, as a user's machine would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture
def client(place: Place) -> Iterator[openai.OpenAI]:
    """The SDK."""
    with openai.OpenAI(base_url=place.url, api_key=place.key, max_retries=0) as client:
        yield client


def test_chat(client: openai.OpenAI, place: Place) -> None:
    """A conversation is answered; the API saw its own secret and nothing of the key."""
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "?"}])
    assert answer.choices[0].message.content == "".join(WORDS)
    raw = place.api.requests[-1].raw
    assert place.api.requests[-1].values("authorization") == [f"Bearer {SECRET}"]
    assert b"exeat" not in raw.lower()


def test_stream(client: openai.OpenAI) -> None:
    """A streamed answer comes word for word."""
    with client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "?"}], stream=True
    ) as stream:
        assert [chunk.choices[0].delta.content for chunk in stream] == list(WORDS)


def test_asynchronous(place: Place) -> None:
    """The asynchronous SDK works the same, several conversations at once."""

    async def ask(client: openai.AsyncOpenAI) -> list[str | None]:
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "?"}], stream=True
        )
        return [chunk.choices[0].delta.content async for chunk in stream]

    async def main() -> list[list[str | None]]:
        async with openai.AsyncOpenAI(base_url=place.url, api_key=place.key, max_retries=0) as client:
            async with asyncio.TaskGroup() as tasks:
                asking = [tasks.create_task(ask(client)) for _ in range(8)]
            return [task.result() for task in asking]

    assert asyncio.run(main()) == [list(WORDS)] * 8


def test_other_calls(client: openai.OpenAI) -> None:
    """Lists, vectors and uploads work too."""
    assert [model.id for model in client.models.list()] == [MODEL]
    vectors = client.embeddings.create(model=MODEL, input="exeat", encoding_format="float")
    assert vectors.data[0].embedding == [0.25, -0.5]
    content = bytes(range(256)) * 4000
    assert client.files.create(file=("all.bin", content), purpose="assistants").bytes == len(content)


def test_errors_of_the_api(client: openai.OpenAI) -> None:
    """What the API refuses is the SDK's own error, as without a gateway."""
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="too-busy", messages=[{"role": "user", "content": "?"}])
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["retry-after"] == "1"
    assert refused.value.response.headers["exeat-origin"] == "upstream"
    with pytest.raises(openai.RateLimitError) as paused:  # the upstream gets the pause that it asks for
        client.models.list()
    assert paused.value.code == "upstream-cooling-down"
    time.sleep(1.1)  # that pause
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/such/route")


def test_errors_of_the_gateway(place: Place) -> None:
    """What the gateway refuses becomes the SDK's error of that status, with the code to look up."""
    with (
        openai.OpenAI(base_url=place.url, api_key=make_key().key, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.models.list()
    assert refused.value.response.headers["exeat-error"] == "key-unknown"
    assert refused.value.code == "key-unknown"
    with (
        openai.OpenAI(base_url=place.url.replace("/model/", "/nothing/"), api_key=place.key, max_retries=0) as client,
        pytest.raises(openai.NotFoundError) as refused_too,
    ):
        client.models.list()
    assert refused_too.value.code == "upstream-unknown"
