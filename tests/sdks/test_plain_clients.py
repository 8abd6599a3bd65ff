"""curl, requests, httpx, aiohttp and node's fetch, with which APIs without an SDK are called."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.sdks.node import Node
from tests.sdks.place import Api, Place, placed
from tests.support.apis.answers import Reply
from tests.support.apis.shop import EVENTS, THINGS, Shop
from tests.support.certificates import Authority
from tests.support.clients import CLIENTS, Access, Ask, Client, Make
from tests.support.gateway import make_key
from tests.support.markers import MARKERS
from tests.support.origins import Origin

SECRET = MARKERS.make("secret of the shop")
ALL: dict[str, Make] = {**CLIENTS, "node": Node}
SLOTS = {
    "bearer": {"kind": "bearer", "secret": SECRET},
    "header": {"kind": "header", "name": "X-Api-Key", "secret": SECRET},
    "query": {"kind": "query", "name": "key", "secret": SECRET},
}
BUSY = Reply(503, {"error": "busy"})


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway before three shops, each with another place for its key; they send people to another host."""
    shop = Shop(SECRET)
    apis = {name: Api(shop, {"credential": credential}) for name, credential in SLOTS.items()}
    with Origin(context=authority.server_context()) as elsewhere:
        shop.elsewhere_url = elsewhere.url
        with placed(authority, Path(tmp_path_factory.mktemp("shop")), **apis) as place:
            yield place


@pytest.fixture(params=sorted(ALL))
def client(request: pytest.FixtureRequest, place: Place) -> Iterator[Client]:
    """Each client, with the key where its users would put it."""
    with ALL[request.param](Access(f"{place.url}/bearer", place.key, place.authority.file)) as made:
        yield made


@pytest.fixture
def keyless(request: pytest.FixtureRequest, client: Client, place: Place) -> Iterator[Client]:
    """The same client, with no key of its own; paths begin with the upstream's name."""
    del client
    with ALL[request.node.callspec.params["client"]](Access(place.url, None, place.authority.file)) as made:
        yield made


def test_call(client: Client, place: Place) -> None:
    """JSON goes and comes; the API sees its own secret; where the new object is, is said in the gateway's own URL."""
    got = client.ask(Ask("POST", "/things", value={"name": "Grüße"}))
    assert (got.status, got.json()) == (201, {"name": "Grüße"})
    assert got.fields["location"] == f"{place.url}/bearer/things/6"
    assert place.apis["bearer"].requests[-1].fields["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("slot", ["bearer", "header", "query"])
def test_native_slot(keyless: Client, place: Place, slot: str) -> None:
    """The key may stand where the API expects its own; that place holds the API's secret then, and no other does."""
    fields = {"bearer": {"Authorization": f"Bearer {place.key}"}, "header": {"X-Api-Key": place.key}}.get(slot, {})
    query = f"?key={place.key}" if slot == "query" else ""
    got = keyless.ask(Ask("GET", f"/{slot}/things{query}", fields))
    assert (got.status, json.loads(got.body)) == (200, [THINGS[0]])


def test_request_id(client: Client, place: Place) -> None:
    """The answer shows the id that finds the call in the gateway."""
    got = client.ask(Ask("GET", "/things?page=2"))
    line = place.record(got.fields["exeat-request-id"])
    assert (line["upstream"], line["path"], line["status"]) == ("bearer", "/things", 200)


def test_pages(client: Client, place: Place) -> None:
    """The next page is where `Link` says, which is at the gateway."""
    base, path, found = f"{place.url}/bearer", "/things", []
    while path:
        got = client.ask(Ask("GET", path))
        found += json.loads(got.body)
        following = re.search(r'<([^>]+)>; rel="next"', got.fields.get("link", ""))
        assert following is None or following[1].startswith(base)
        path = following[1].removeprefix(base) if following else ""
    assert found == list(THINGS)


def test_redirects(client: Client) -> None:
    """A redirect leads through the gateway."""
    got = client.ask(Ask("GET", "/old", follow=True))
    assert (got.status, json.loads(got.body)) == (200, [THINGS[4]])


def test_redirects_elsewhere(keyless: Client, place: Place) -> None:
    """To another host, every client takes along `Exeat-Key`, for it knows `Authorization` alone."""
    for field, goes_along in ("Exeat-Key", True), ("Authorization", False):
        value = place.key if goes_along else f"Bearer {place.key}"
        got = keyless.ask(Ask("GET", "/bearer/away", {field: value}, follow=True))
        assert got.status == 200
        assert (place.key.encode() in got.body) is goes_along


def test_netrc(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc that knows the gateway's host replaces an Authorization that requests was given, unless it is `auth`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n", "utf-8")
    url = f"{place.url}/bearer/things"
    replaced = requests.get(url, headers={"Authorization": f"Bearer {place.key}"}, timeout=10)
    assert (replaced.status_code, replaced.headers["Exeat-Error"]) == (401, "key-missing")
    assert requests.get(url, auth=(place.key, ""), timeout=10).json() == [THINGS[0]]
    assert requests.get(url, headers={"Exeat-Key": place.key}, timeout=10).json() == [THINGS[0]]


def test_upload(client: Client) -> None:
    """A megabyte of every byte arrives as it was."""
    content = bytes(range(256)) * 4096
    got = client.ask(Ask("PUT", "/files/all.bin", {"Content-Type": "application/octet-stream"}, data=content))
    assert got.json() == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def test_events(client: Client) -> None:
    """Events come as they were sent, and end."""
    got = client.ask(Ask("GET", "/events", {"Accept": "text/event-stream"}))
    assert (got.fields["content-type"], got.body.decode()) == ("text/event-stream", "".join(EVENTS))


def test_errors(client: Client, keyless: Client) -> None:
    """What the API refuses is its own answer; what the gateway refuses is a problem with a code. Both say who spoke."""
    got = client.ask(Ask("GET", "/nothing"))
    assert (got.status, got.json(), got.fields["exeat-origin"]) == (404, {"error": "nothing there"}, "upstream")
    got = keyless.ask(Ask("GET", "/bearer/things", {"Exeat-Key": make_key().key}))
    assert (got.status, got.json()["code"], got.fields["exeat-origin"]) == (401, "key-unknown", "gateway")
    assert got.fields["content-type"] == "application/problem+json"


def test_retries(client: Client, place: Place) -> None:
    """None of these clients repeats a call by itself; the gateway does, where nothing can be done twice."""
    with place.apis["bearer"].failing(BUSY, BUSY) as heard:
        got = client.ask(Ask("GET", "/things"))
    assert (got.status, len(heard)) == (200, 3)
    attempts = place.record(got.fields["exeat-request-id"])["attempts"]
    assert isinstance(attempts, list)
    assert len(attempts) == 3
    with place.apis["bearer"].failing(BUSY) as heard:
        assert client.ask(Ask("POST", "/things", value={})).status == 503
    assert len(heard) == 1
