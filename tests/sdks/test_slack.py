"""slack_sdk against a stand-in for Slack's Web API, uploads included."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler, ServerErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from exeat.config.presets import links_of, read_preset
from tests.sdks.place import Api, Place, beside, placed
from tests.support.apis.answers import Reply
from tests.support.apis.slack import CHANNELS, Slack
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.markers import MARKERS

TOKEN = MARKERS.make("token of Slack")
BUSY = Reply(503, {"ok": False, "error": "service_unavailable"})
LIMITED = Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"})


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway before Slack, as the preset has it, and its host for files beside it."""
    workspace = Slack(TOKEN)
    entry = {"credential": {"kind": "bearer", "secret": TOKEN}, "circuit": "off"}
    with beside(authority, workspace.files) as files:
        workspace.files_url = files.url
        links = links_of(read_preset("slack"))
        slack = Api(workspace.api, {**entry, "links": links}, "/api", files, is_trusted=False)
        with placed(authority, Path(tmp_path_factory.mktemp("slack")), slack=slack) as place:
            yield place


@pytest.fixture
def client(place: Place) -> WebClient:
    """The SDK, as its users make it."""
    return WebClient(token=place.key, base_url=f"{place.url}/slack/")


def test_call(place: Place, client: WebClient) -> None:
    """The key stands where the SDK puts a token, and Slack sees its own."""
    assert client.auth_test()["user"] == "exeat"
    posted = client.chat_postMessage(channel="#general", text="Grüße & <Küsse>")
    assert posted["message"]["text"] == "Grüße & <Küsse>"
    assert place.apis["slack"].requests[-1].fields["authorization"] == f"Bearer {TOKEN}"


def test_asynchronous(place: Place) -> None:
    """The asynchronous client works the same."""

    async def main() -> object:
        client = AsyncWebClient(token=place.key, base_url=f"{place.url}/slack/", ssl=place.authority.client_context())
        return (await client.auth_test())["user"]

    assert asyncio.run(main()) == "exeat"


def test_pages(client: WebClient) -> None:
    """Lists are followed page by page: a cursor says which is next."""
    pages = [[channel["name"] for channel in page["channels"]] for page in client.conversations_list(limit=2)]
    assert pages == [list(CHANNELS[:2]), list(CHANNELS[2:4]), list(CHANNELS[4:])]


def test_upload(place: Place, client: WebClient) -> None:
    """A file is uploaded in three calls, and the URL that the first one answers with leads through the gateway."""
    content = bytes(range(256)) * 400
    begun = client.files_getUploadURLExternal(filename="all.bin", length=len(content))
    assert begun["upload_url"].startswith(place.sibling("slack"))
    sent = requests.post(begun["upload_url"], content, headers={"Exeat-Key": place.key}, timeout=10)
    assert (sent.status_code, sent.headers["Exeat-Origin"]) == (200, "upstream")
    assert "authorization" not in place.siblings["slack"].requests[-1].raw.decode().lower()
    ended = client.files_completeUploadExternal(files=[{"id": begun["file_id"], "title": "All"}])
    assert ended["files"][0]["title"] == "All"


def test_upload_at_once(place: Place, client: WebClient) -> None:
    """files_upload_v2 sends a file without a key, to a URL that is signed: it comes by way of the gateway."""
    before = len(place.siblings["slack"].requests)
    ended = client.files_upload_v2(content=b"text", filename="a.txt", title="All at once")
    assert ended["files"][0]["title"] == "All at once"
    (sent,) = place.siblings["slack"].requests[before:]
    assert sent.raw.startswith(b"POST /upload/v1/F")
    for text in ("authorization", "exeat"):
        assert text not in sent.raw.decode().lower()


def test_upload_at_once_asynchronously(place: Place) -> None:
    """The asynchronous client's does the same."""

    async def main() -> object:
        client = AsyncWebClient(token=place.key, base_url=f"{place.url}/slack/", ssl=place.authority.client_context())
        return (await client.files_upload_v2(content="text", filename="a.txt"))["ok"]

    assert asyncio.run(main()) is True


def test_request_id(place: Place, client: WebClient) -> None:
    """The answer shows the id that finds the call in the gateway."""
    fields = {name.lower(): value for name, value in client.auth_test().headers.items()}
    assert place.record(fields["exeat-request-id"])["path"] == "/auth.test"


def test_errors_of_the_api(client: WebClient) -> None:
    """What Slack refuses is the SDK's own error, though its status is 200."""
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel="#nowhere", text="?")
    assert refused.value.response["error"] == "channel_not_found"


def test_errors_of_the_gateway(place: Place) -> None:
    """What the gateway refuses is the SDK's error too, and the answer is the problem."""
    with pytest.raises(SlackApiError) as refused:
        WebClient(token=make_key().key, base_url=f"{place.url}/slack/").auth_test()
    assert (refused.value.response.status_code, refused.value.response["code"]) == (401, "key-unknown")


def test_retries(place: Place, client: WebClient) -> None:
    """Every method is a POST, which the gateway doesn't repeat; the SDK does, if it is given a handler for it."""
    with place.apis["slack"].failing(BUSY) as heard, pytest.raises(SlackApiError):
        client.auth_test()
    assert len(heard) == 1
    client.retry_handlers.append(ServerErrorRetryHandler(max_retry_count=1))
    with place.apis["slack"].failing(BUSY) as heard:
        assert client.auth_test()["ok"]
    assert len(heard) == 2


def test_limited(place: Place, client: WebClient) -> None:
    """A handler for limits waits as long as Slack says, and as long as the gateway does that heeds it."""
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
    with place.apis["slack"].failing(LIMITED) as heard:
        assert client.auth_test()["ok"]
    assert len(heard) == 2
