"""The sample API of `exeat demo`, called directly: what it checks, what it serves, how it ends."""

import base64
import gzip
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from exeat.cli.sample.certificates import Files, write_certificates
from exeat.cli.sample.credentials import CHECKS, SHOP_USER, holds_key
from exeat.cli.sample.document import make_keys
from exeat.cli.sample.process import Sample, make_secrets, running
from tests.support.gateway import environment, wait_until

PATHS = {
    "notes": "/v1/notes/1",
    "shop": "/v1/products",
    "weather": "/current?city=Oslo",
    "model": "/v1/models",
    "files": "/bytes/10",
    "partner": "/rates",
}


class Response(NamedTuple):
    """A response as it arrived; field names in lower case."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class Api:
    """The sample API with what it takes to call it."""

    def __init__(self, sample: Sample, files: Files, passwords: Mapping[str, str]) -> None:
        self.sample = sample
        self.passwords = passwords
        self._context = ssl.create_default_context(cafile=str(files.authority))

    def send(
        self, service: str, path: str, fields: Mapping[str, str], method: str = "GET", body: object = None
    ) -> Response:
        """One request on a connection of its own, the server's certificate verified."""
        port = self.sample.ports[service]
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=self._context)
        try:
            content = json.dumps(body).encode() if isinstance(body, dict | list) else body
            assert content is None or isinstance(content, bytes | Iterator)
            connection.request(method, path, content, dict(fields), encode_chunked=isinstance(content, Iterator))
            response = connection.getresponse()
            named = {name.lower(): text for name, text in response.getheaders()}
            return Response(response.status, named, response.read())
        finally:
            connection.close()

    def call(self, service: str, path: str, method: str = "GET", body: object = None, **more: str) -> Response:
        """One request with the right credential."""
        path, fields = self.authorized(service, path)
        named = {name.replace("_", "-"): text for name, text in more.items()}
        return self.send(service, path, {**fields, **named}, method, body)

    def authorized(self, service: str, path: str) -> tuple[str, dict[str, str]]:
        """Path and fields with the credential of a service."""
        return _with(service, self.passwords[service], path)


def _with(service: str, secret: str, path: str) -> tuple[str, dict[str, str]]:
    """Path and fields with a secret where a service expects its own."""
    match service:
        case "shop":
            return path, {"Authorization": "Basic " + base64.b64encode(f"{SHOP_USER}:{secret}".encode()).decode()}
        case "weather":
            return f"{path}{'&' if '?' in path else '?'}appid={secret}", {}
        case "model":
            return path, {"X-Api-Key": secret}
        case "files":
            return path, {}
        case _:
            return path, {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    files, passwords = write_certificates(tmp_path_factory.mktemp("sample")), make_secrets()
    with running(files, passwords) as sample:
        yield Api(sample, files, passwords)


class TestCredentials:
    @pytest.mark.parametrize("service", CHECKS)
    def test_right_credential(self, api: Api, service: str) -> None:
        """With its own credential a service answers."""
        assert api.call(service, PATHS[service]).status == 200

    @pytest.mark.parametrize("service", [name for name in CHECKS if name != "files"])
    def test_no_credential(self, api: Api, service: str) -> None:
        """Without a credential a service answers 401 and says which one is missing."""
        response = api.send(service, PATHS[service], {})
        assert response.status == 401
        assert service in response.fields["www-authenticate"]

    @pytest.mark.parametrize("service", ["notes", "shop", "weather", "model"])
    def test_wrong_credential(self, api: Api, service: str) -> None:
        """A service doesn't take the secret of another one in its slot."""
        other = api.passwords["shop" if service != "shop" else "notes"]
        path, fields = _with(service, other, PATHS[service])
        assert api.send(service, path, fields).status == 401

    def test_two_parameters(self, api: Api) -> None:
        """A second credential beside the right one isn't overlooked."""
        assert api.call("weather", "/current?city=Oslo&appid=mine").status == 401

    @pytest.mark.parametrize("name", ["Authorization", "X-Api-Key"])
    def test_credential_where_none_belongs(self, api: Api, name: str) -> None:
        """The service with `credential: none` refuses any."""
        assert api.send("files", "/bytes/10", {name: "Bearer x"}).status == 401


class TestKeyCheck:
    KEY = make_keys().demo.key

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("/echo", {"Exeat-Key": KEY}),
            ("/echo", {"Authorization": f"Bearer {KEY}"}),
            ("/echo", {"Authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}),
            ("/echo", {"Proxy-Authorization": "basic " + base64.b64encode(f"x:{KEY}".encode()).decode()}),
            ("/echo", {"Cookie": f"session={KEY}"}),
            (f"/echo?appid={KEY}", {}),
            (f"/echo?appid=%65{KEY[1:]}", {}),
            (f"/{KEY}/echo", {}),
        ],
    )
    def test_key_is_seen(self, api: Api, path: str, fields: dict[str, str]) -> None:
        """A request whose head holds an Exeat key gets 500 and a sentence, wherever the key stands."""
        response = api.send("files", path, fields)
        assert response.status == 500
        assert b"An Exeat key reached an upstream" in response.body

    def test_other_text_is_not_a_key(self) -> None:
        """What only resembles a key isn't one."""
        assert not holds_key("GET /exeat_ HTTP/1.1\nX: exeat_short_x\nAuthorization: Basic !\n")


class TestNotes:
    def test_create_and_find(self, api: Api) -> None:
        """A note is where Location says, can be changed, and is gone once deleted."""
        made = api.call("notes", "/v1/notes", "POST", {"text": "here"})
        place = made.fields["location"]
        assert (made.status, place.startswith("https://127.0.0.1:")) == (201, True)
        path = "/v1" + place.partition("/v1")[2]
        assert api.call("notes", path).json()["text"] == "here"
        assert api.call("notes", path, "PATCH", {"text": "there"}).json()["text"] == "there"
        assert api.call("notes", path, "DELETE").status == 204
        assert api.call("notes", path).status == 404

    def test_pages(self, api: Api) -> None:
        """Following rel=next from the first page passes every note once."""
        path, seen = "/v1/notes?per_page=2", []
        while path:
            page = api.call("notes", path)
            seen += [note["id"] for note in json.loads(page.body)]
            links = [link for link in page.fields["link"].split(", ") if 'rel="next"' in link]
            path = "/v1" + links[0].partition("/v1")[2].partition(">")[0] if links else ""
        assert len(seen) == len(set(seen)) == int(api.call("notes", "/v1/notes").fields["x-total-count"])

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "/v1/notes", b"{", 400),
            ("POST", "/v1/notes", b"[]", 400),
            ("POST", "/v1/notes", b'{"text": 1}', 422),
            ("GET", "/v1/notes?page=0", None, 400),
            ("GET", "/v1/notes?page=" + "9" * 5000, None, 400),
            ("GET", "/v1/notes/x", None, 400),
            ("POST", "/v1/notes/1", b"{}", 405),
            ("DELETE", "/v1/notes", None, 404),
            ("GET", "/elsewhere", None, 404),
        ],
    )
    def test_errors(self, api: Api, method: str, path: str, body: bytes | None, status: int) -> None:
        """A wrong request gets the status that says what is wrong."""
        assert api.call("notes", path, method, body).status == status


class TestShopAndWeather:
    def test_order_once(self, api: Api) -> None:
        """Orders with the same Idempotency-Key are one order; without, each is new."""
        order = {"product": 1, "quantity": 2}
        made = [api.call("shop", "/v1/orders", "POST", order, Idempotency_Key=key) for key in ("a", "a", "b")]
        places = [response.fields["location"] for response in made]
        assert places[0] == places[1] != places[2]
        assert api.call("shop", places[0]).json()["quantity"] == 2

    def test_wrong_order(self, api: Api) -> None:
        """An order of nothing, or of what isn't sold, is refused."""
        assert api.call("shop", "/v1/orders", "POST", {}).status == 422
        assert api.call("shop", "/v1/orders", "POST", {"product": 77}).status == 404

    def test_weather_stays(self, api: Api) -> None:
        """The same city has the same weather; an unknown one has none."""
        assert api.call("weather", "/current?city=oslo").body == api.call("weather", "/current?city=Oslo").body
        assert api.call("weather", "/forecast?city=Lima&days=2").json()["city"] == "Lima"
        assert api.call("weather", "/current?city=Atlantis").status == 404


class TestModel:
    CHAT: Mapping[str, object] = {"model": "sample-1", "messages": [{"role": "user", "content": "Hello?"}]}

    def test_stream_says_the_same(self, api: Api) -> None:
        """The pieces of a stream make the text of the whole answer, and [DONE] ends it."""
        whole = api.call("model", "/v1/chat/completions", "POST", dict(self.CHAT)).json()
        wanted = {**self.CHAT, "stream": True, "stream_options": {"include_usage": True}}
        stream = api.call("model", "/v1/chat/completions", "POST", wanted)
        events = [line.removeprefix("data: ") for line in stream.body.decode().split("\n\n") if line]
        chunks = [json.loads(event) for event in events[:-1]]
        text = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
        assert stream.fields["content-type"] == "text/event-stream"
        assert events[-1] == "[DONE]"
        assert isinstance(whole["choices"], list)
        assert whole["choices"][0]["message"]["content"] == text
        assert chunks[-1]["usage"] == whole["usage"]

    @pytest.mark.parametrize(
        ("wanted", "status"),
        [
            ({"model": "other", "messages": CHAT["messages"]}, 404),
            ({"model": "sample-1"}, 400),
            ({"model": "sample-1", "messages": [{"content": 1}]}, 400),
        ],
    )
    def test_errors(self, api: Api, wanted: dict[str, object], status: int) -> None:
        """An unknown model and an unreadable question are refused."""
        assert api.call("model", "/v1/chat/completions", "POST", wanted).status == status


class TestTransfer:
    def test_length(self, api: Api) -> None:
        """A body of n bytes has n bytes, with their number in the head."""
        response = api.call("files", "/bytes/300001")
        assert (len(response.body), response.fields["content-length"]) == (300001, "300001")

    def test_chunks(self, api: Api) -> None:
        """Lines come in chunks, all of them."""
        response = api.call("files", "/lines/3?delay_ms=1")
        assert response.fields["transfer-encoding"] == "chunked"
        assert response.body.splitlines()[-1] == b"line 3 of 3"

    def test_chunked_request(self, api: Api) -> None:
        """A body that comes in chunks is read whole."""
        response = api.call("files", "/digest", "POST", iter([b"a" * 1000, b"b" * 1000]), Transfer_Encoding="chunked")
        assert response.json()["bytes"] == 2000

    def test_cut(self, api: Api) -> None:
        """The body that is cut never ends cleanly."""
        with pytest.raises((http.client.IncompleteRead, ssl.SSLError, ConnectionError)):
            api.call("files", "/cut")

    def test_redirects_lead_to_echo(self, api: Api) -> None:
        """Each redirect leads to one less, the last to the echo."""
        first, last = api.call("files", "/redirect/1"), api.call("files", "/redirect/0")
        assert (first.status, first.fields["location"].rpartition("/")[2]) == (302, "0")
        assert last.fields["location"].endswith("/echo")

    @pytest.mark.parametrize("status", [204, 304, 404, 429, 500, 503])
    def test_any_status(self, api: Api, status: int) -> None:
        """A status comes on demand; one that asks to wait says how long."""
        response = api.call("files", f"/status/{status}")
        assert response.status == status
        assert ("retry-after" in response.fields) is (status in {429, 503})

    def test_gzip(self, api: Api) -> None:
        """A body is compressed for those who ask, and says that it varies."""
        path = "/forecast?city=Oslo&days=7"
        plain, packed = api.call("weather", path), api.call("weather", path, Accept_Encoding="gzip")
        assert packed.fields["content-encoding"] == "gzip"
        assert packed.fields["vary"] == "Accept-Encoding"
        assert gzip.decompress(packed.body) == plain.body

    def test_tag(self, api: Api) -> None:
        """Who has the current form already gets 304 without a body."""
        tag = api.call("weather", "/current?city=Oslo").fields["etag"]
        again = api.call("weather", "/current?city=Oslo", If_None_Match=tag)
        assert (again.status, again.body, again.fields["etag"]) == (304, b"", tag)

    def test_head(self, api: Api) -> None:
        """HEAD has the fields of GET and no body."""
        head, get = api.call("shop", "/v1/products", "HEAD"), api.call("shop", "/v1/products")
        assert (head.body, head.fields["content-length"]) == (b"", str(len(get.body)))

    def test_large_body_is_refused(self, api: Api) -> None:
        """A body above the limit is refused by its announcement."""
        assert api.call("files", "/digest", "POST", None, Content_Length=str(10**9)).status == 413

    def test_echo_hides_the_secret(self, api: Api) -> None:
        """The echo shows what arrived but for the secret, plain or within Basic."""
        for service in CHECKS:
            text = api.call(service, "/echo").body.decode()
            assert api.passwords[service] not in text
            assert base64.b64encode(f"{SHOP_USER}:{api.passwords[service]}".encode()).decode() not in text


class TestProcess:
    def test_counts(self, tmp_path: Path) -> None:
        """When it has ended, it has told how many requests it saw, and how many held a key."""
        files, passwords = write_certificates(tmp_path), make_secrets()
        with running(files, passwords) as sample:
            api = Api(sample, files, passwords)
            api.call("files", "/echo")
            api.send("files", "/echo", {"Exeat-Key": make_keys().demo.key})
        assert (sample.requests, sample.keys) == (2, 1)

    def test_goes_with_its_parent(self, tmp_path: Path) -> None:
        """When the parent is killed, the sample API ends by itself."""
        write_certificates(tmp_path)
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(tmp_path)], env=environment({}), stdout=subprocess.PIPE, text=True
        )
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.communicate()
        wait_until(lambda: not _listens(port), "the sample API ends")


PARENT = """
import sys, time
from pathlib import Path
from exeat.cli.sample.certificates import Files
from exeat.cli.sample.process import make_secrets, running
folder = Path(sys.argv[1])
with running(Files(folder / "ca.pem", folder / "sample.pem", folder / "sample.key"), make_secrets()) as sample:
    print(sample.ports["notes"], flush=True)
    time.sleep(60)
"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
