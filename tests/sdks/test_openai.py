"""The openai SDK against a stand-in for OpenAI's API: a base URL and an Exeat key are all that it is told."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import openai
import pytest

from tests.sdks.place import Api, Place, placed
from tests.support.apis.answers import Reply
from tests.support.apis.openai import MODEL, WORDS, OpenAi
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.markers import MARKERS

SECRET = MARKERS.make("secret of OpenAI")
QUESTION: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello?"}]
BUSY = Reply(503, {"error": {"message": "Busy.", "type": "server_error", "param": None, "code": None}})
Make = Callable[..., openai.OpenAI]


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway before OpenAI; of `stranger`, the gateway doesn't trust the certificate."""
    entry = {"credential": {"kind": "bearer", "secret": SECRET}, "circuit": "off"}
    untrusted = {**entry, "tls": {}}
    apis = {"openai": Api(OpenAi(SECRET), entry), "stranger": Api(OpenAi(SECRET), untrusted)}
    with placed(authority, Path(tmp_path_factory.mktemp("openai")), **apis) as place:
        yield place


@pytest.fixture
def made(place: Place) -> Iterator[Make]:
    """Makes clients as their users make them; they are closed at the end."""
    with ExitStack() as stack:

        def make(key: str | None = None, upstream: str = "openai", **more: int) -> openai.OpenAI:
            url = f"{place.url}/{upstream}/v1"
            return stack.enter_context(openai.OpenAI(base_url=url, api_key=key or place.key, **more))  # type: ignore[arg-type]

        yield make


def test_call(place: Place, made: Make) -> None:
    """Both ways to converse, and vectors, are answered; the API saw its own secret and nothing of the key."""
    client = made()
    chat = client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert chat.choices[0].message.content == "".join(WORDS)
    assert client.responses.create(model=MODEL, input="Hello?").output_text == "".join(WORDS)
    vectors = client.embeddings.create(model=MODEL, input="exeat", encoding_format="float")
    assert vectors.data[0].embedding == [0.25, -0.5]
    request = place.apis["openai"].requests[-1]
    assert request.fields["authorization"] == f"Bearer {SECRET}"
    assert request.fields["user-agent"].startswith("OpenAI/Python")


def test_variables(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that names no URL and no key finds both in the environment."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{place.url}/openai/v1")
    monkeypatch.setenv("OPENAI_API_KEY", place.key)
    with openai.OpenAI() as client:
        assert [model.id for model in client.models.list()] == [MODEL]


def test_streams(made: Make) -> None:
    """Streamed answers come word for word."""
    client = made()
    with client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True) as chat:
        assert [chunk.choices[0].delta.content for chunk in chat] == list(WORDS)
    with client.responses.create(model=MODEL, input="Hello?", stream=True) as events:
        assert [event.delta for event in events if event.type == "response.output_text.delta"] == list(WORDS)


def test_asynchronous(place: Place) -> None:
    """The asynchronous client works the same, several conversations at once."""

    async def ask(client: openai.AsyncOpenAI) -> list[str | None]:
        chat = await client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
        return [chunk.choices[0].delta.content async for chunk in chat]

    async def main() -> list[list[str | None]]:
        async with openai.AsyncOpenAI(base_url=f"{place.url}/openai/v1", api_key=place.key) as client:
            async with asyncio.TaskGroup() as tasks:
                asking = [tasks.create_task(ask(client)) for _ in range(8)]
            return [task.result() for task in asking]

    assert asyncio.run(main()) == [list(WORDS)] * 8


def test_files_and_pages(made: Make) -> None:
    """Files are uploaded byte for byte, and listed page by page."""
    client = made()
    content = bytes(range(256)) * 4000
    made_files = [client.files.create(file=(f"{number}.bin", content), purpose="assistants") for number in range(5)]
    assert {file.bytes for file in made_files} == {len(content)}
    assert [file.id for file in client.files.list(limit=2)] == [file.id for file in made_files]


def test_request_id(place: Place, made: Make) -> None:
    """Both ids are shown: that of the API, and the one that finds the call in the gateway."""
    answer = made().chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION)
    assert str(answer.request_id).startswith("req_")
    line = place.record(answer.headers.get("exeat-request-id"))
    assert (line["upstream"], line["path"]) == ("openai", "/v1/chat/completions")


def test_errors_of_the_api(made: Make) -> None:
    """What the API refuses is the SDK's own error, with its code."""
    with pytest.raises(openai.NotFoundError) as refused:
        made().chat.completions.create(model="unknown", messages=QUESTION)
    assert refused.value.code == "model_not_found"
    assert refused.value.response.headers["exeat-origin"] == "upstream"


def test_errors_of_the_gateway(place: Place, made: Make) -> None:
    """What the gateway refuses is the SDK's error of that status, and `code` is the gateway's."""
    with pytest.raises(openai.AuthenticationError) as refused:
        made(make_key().key).models.list()
    assert refused.value.code == "key-unknown"
    assert place.record(refused.value.response.headers["exeat-request-id"])["error"] == "key-unknown"


def test_retries(place: Place, made: Make) -> None:
    """A conversation isn't repeated by the gateway, but by the SDK: three attempts, not nine."""
    with place.apis["openai"].failing(BUSY, BUSY) as heard:
        assert made().chat.completions.create(model=MODEL, messages=QUESTION).choices
    assert [request.fields["x-stainless-retry-count"] for request in heard] == ["0", "1", "2"]


def test_retries_of_both(place: Place, made: Make) -> None:
    """What may be sent twice is sent once more by the gateway, for each attempt of the SDK: it says that it repeats."""
    with place.apis["openai"].failing(BUSY) as heard:
        made().models.list()
    assert [request.fields["x-stainless-retry-count"] for request in heard] == ["0", "0"]
    with place.apis["openai"].failing(*[BUSY] * 6) as heard, pytest.raises(openai.InternalServerError):
        made().models.list()
    assert [request.fields["x-stainless-retry-count"] for request in heard] == ["0", "0", "1", "1", "2", "2"]


def test_hopeless(place: Place, made: Make) -> None:
    """A failure that repeating won't mend is told as such, and the SDK doesn't repeat."""
    with pytest.raises(openai.InternalServerError) as failed:
        made(upstream="stranger").models.list()
    assert failed.value.code == "tls-failed"
    place.record(failed.value.response.headers["exeat-request-id"])
    assert sum(line["upstream"] == "stranger" for line in place.gateway.access_lines()) == 1
