"""The anthropic SDK against a stand-in for Anthropic's API: a base URL and an Exeat key are all that it is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import anthropic
import pytest
from anthropic.types import MessageParam

from tests.sdks.place import Api, Place, placed
from tests.support.apis.answers import Reply
from tests.support.apis.anthropic import MODELS, WORDS, Anthropic
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.markers import MARKERS

SECRET = MARKERS.make("secret of Anthropic")
QUESTION: list[MessageParam] = [{"role": "user", "content": "Hello?"}]
BUSY = Reply(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway before Anthropic."""
    entry = {"credential": {"kind": "header", "name": "X-Api-Key", "secret": SECRET}}
    folder = Path(tmp_path_factory.mktemp("anthropic"))
    with placed(authority, folder, anthropic=Api(Anthropic(SECRET), entry)) as place:
        yield place


@pytest.fixture
def client(place: Place) -> Iterator[anthropic.Anthropic]:
    """The SDK, as its users make it."""
    with anthropic.Anthropic(base_url=f"{place.url}/anthropic", api_key=place.key) as client:
        yield client


def ask(client: anthropic.Anthropic, model: str = MODELS[0]) -> str:
    """Hold a conversation."""
    message = client.messages.create(model=model, max_tokens=64, messages=QUESTION)
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize("slot", ["api_key", "auth_token"])
def test_call(place: Place, slot: str) -> None:
    """The key may stand in either of the SDK's slots; the API sees its own secret, in its own field alone."""
    with anthropic.Anthropic(base_url=f"{place.url}/anthropic", **{slot: place.key}) as client:  # type: ignore[arg-type]
        assert ask(client) == "".join(WORDS)
        assert client.messages.count_tokens(model=MODELS[0], messages=QUESTION).input_tokens == 3
    request = place.apis["anthropic"].requests[-1]
    assert request.fields["x-api-key"] == SECRET
    assert "authorization" not in request.fields


def test_variables(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that names no URL and no key finds both in the environment."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"{place.url}/anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", place.key)
    with anthropic.Anthropic() as client:
        assert ask(client) == "".join(WORDS)


def test_streams(client: anthropic.Anthropic) -> None:
    """A streamed message comes word for word, and is whole at its end."""
    with client.messages.stream(model=MODELS[0], max_tokens=64, messages=QUESTION) as stream:
        assert list(stream.text_stream) == list(WORDS)
        assert stream.get_final_message().stop_reason == "end_turn"


def test_asynchronous(place: Place) -> None:
    """The asynchronous client works the same."""

    async def main() -> list[str]:
        async with (
            anthropic.AsyncAnthropic(base_url=f"{place.url}/anthropic", api_key=place.key) as client,
            client.messages.stream(model=MODELS[0], max_tokens=64, messages=QUESTION) as stream,
        ):
            return [text async for text in stream.text_stream]

    assert asyncio.run(main()) == list(WORDS)


def test_pages(client: anthropic.Anthropic) -> None:
    """Lists are followed page by page."""
    assert [model.id for model in client.models.list(limit=2)] == list(MODELS)


def test_request_id(place: Place, client: anthropic.Anthropic) -> None:
    """Both ids are shown: that of the API, and the one that finds the call in the gateway."""
    answer = client.messages.with_raw_response.create(model=MODELS[0], max_tokens=64, messages=QUESTION)
    assert str(answer.request_id).startswith("req_")
    line = place.record(answer.headers.get("exeat-request-id"))
    assert (line["upstream"], line["path"]) == ("anthropic", "/v1/messages")


def test_errors_of_the_api(client: anthropic.Anthropic) -> None:
    """What the API refuses is the SDK's own error."""
    with pytest.raises(anthropic.NotFoundError) as refused:
        ask(client, "unknown")
    assert refused.value.response.headers["exeat-origin"] == "upstream"


def test_errors_of_the_gateway(place: Place) -> None:
    """What the gateway refuses is the SDK's error of that status, and its body is the problem."""
    url = f"{place.url}/anthropic"
    with (
        anthropic.Anthropic(base_url=url, api_key=make_key().key) as client,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        ask(client)
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["code"] == refused.value.response.headers["exeat-error"] == "key-unknown"


def test_retries(place: Place, client: anthropic.Anthropic) -> None:
    """A message is repeated by the SDK and not by the gateway: three attempts, not nine."""
    with place.apis["anthropic"].failing(BUSY, BUSY) as heard:
        assert ask(client) == "".join(WORDS)
    assert [request.fields["x-stainless-retry-count"] for request in heard] == ["0", "1", "2"]
