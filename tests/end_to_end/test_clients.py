"""Real clients, told no more than a base URL and an Exeat key, against httpbin over TLS."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.certificates import Authority
from tests.support.clients import CLIENTS, Access, Ask, Client, Got
from tests.support.gateway import Gateway, make_key
from tests.support.httpbin_process import httpbin
from tests.support.markers import MARKERS
from tests.support.origins import Origin

EVERY_BYTE = bytes(range(256)) * 400
# What concerns the client's own connection only (RFC 9110 §7.6.1), and so isn't passed on.
OWN = {"Connection"}


class Place(NamedTuple):
    """A gateway before httpbin, and both ways to call it; and a way to an upstream that echoes."""

    through: Access
    direct: Access
    echo: Access

    def upstream(self, name: str) -> Access:
        """The way to another upstream of the gateway."""
        return self.through._replace(base=self.through.base.removesuffix("bin") + name)


@pytest.fixture(scope="module")
def bin_url(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where httpbin is."""
    with httpbin(authority, Path(tmp_path_factory.mktemp("httpbin"))) as url:
        yield url


@pytest.fixture(scope="module", params=["plain", "tls"])
def place(
    request: pytest.FixtureRequest, authority: Authority, bin_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A gateway whose callers connect in plaintext or over TLS."""
    key = make_key()
    MARKERS.add_public("pass:word")  # httpbin's path for basic authentication holds the password
    env = {}
    if request.param == "tls":
        folder = Path(tmp_path_factory.mktemp("listener"))
        authority.write_pair(folder / "listener.pem", folder / "listener.key")
        env = {
            "EXEAT_TLS_CERTIFICATE": str(folder / "listener.pem"),
            "EXEAT_TLS_KEY": str(folder / "listener.key"),
        }
    with Origin(context=authority.server_context()) as echo:
        entry = {"url": bin_url, "network": {"private": ["127.0.0.0/8"]}, "tls": {"ca": str(authority.file)}}
        entry |= {"retries": "off", "circuit": "off"}  # it is asked for every status there is
        upstreams = {
            "bin": entry,
            "bearer": {**entry, "credential": {"kind": "bearer", "secret": "secret-of-httpbin"}},
            "basic": {**entry, "credential": {"kind": "basic", "username": "user", "password": "pass:word"}},
            "echo": echo.entry(authority.file),
        }
        consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
        with Gateway({"upstreams": upstreams, "consumers": consumers}, env) as gateway:
            yield Place(
                Access(f"{gateway.url}/bin", key.key, authority.file),
                Access(bin_url, None, authority.file),
                Access(f"{gateway.url}/echo", key.key, authority.file),
            )


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest, place: Place) -> Iterator[Client]:
    """Each client, calling through the gateway."""
    with CLIENTS[request.param](place.through) as made:
        yield made


@pytest.fixture
def twin(request: pytest.FixtureRequest, client: Client, place: Place) -> Iterator[Client]:
    """The same client, calling httpbin itself."""
    del client
    with CLIENTS[request.node.callspec.params["client"]](place.direct) as made:
        yield made


@pytest.fixture
def echoed(request: pytest.FixtureRequest, client: Client, place: Place) -> Iterator[Client]:
    """The same client, calling the upstream that echoes, through the gateway."""
    del client
    with CLIENTS[request.node.callspec.params["client"]](place.echo) as made:
        yield made


def is_from_upstream(got: Got) -> bool:
    return got.fields["exeat-origin"] == "upstream" and "exeat-error" not in got.fields


class TestRequests:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_method(self, client: Client, method: str) -> None:
        """Every method arrives as itself."""
        got = client.ask(Ask(method, "/anything/here?a=1&b=x%20y"))
        assert (got.status, got.json()["method"]) == (200, method)
        assert got.json()["args"] == {"a": "1", "b": "x y"}

    def test_what_arrives(self, client: Client, twin: Client) -> None:
        """The API sees the fields that it would see without a gateway: none is missing, none is added but Host."""
        ask = Ask("POST", "/anything", {"X-Own": "kept", "Accept-Language": "de"}, data=b"x")
        seen, expected = client.ask(ask).json()["headers"], twin.ask(ask).json()["headers"]
        assert isinstance(seen, dict)
        assert isinstance(expected, dict)
        assert seen == {name: text for name, text in expected.items() if name not in OWN}

    def test_json(self, client: Client) -> None:
        """A JSON body arrives as it was."""
        value = {"text": "grüße", "list": [1, 2.5, None], "deep": {"x": [[]]}}
        got = client.ask(Ask("POST", "/post", value=value))
        assert got.json()["json"] == value

    def test_form(self, client: Client) -> None:
        """A form's fields arrive as they were."""
        form = {"name": "Zoë & Co", "note": "50% + 1 = ?"}
        assert client.ask(Ask("POST", "/post", form=form)).json()["form"] == form

    def test_multipart(self, client: Client) -> None:
        """An uploaded file arrives byte for byte."""
        files = client.ask(Ask("POST", "/post", file=("all.bin", EVERY_BYTE))).json()["files"]
        assert isinstance(files, dict)
        assert base64.b64decode(files["file"].partition("base64,")[2]) == EVERY_BYTE

    def test_binary(self, client: Client) -> None:
        """A body of every byte arrives byte for byte."""
        data = client.ask(Ask("PUT", "/put", {"Content-Type": "application/octet-stream"}, data=EVERY_BYTE)).json()
        assert base64.b64decode(str(data["data"]).partition("base64,")[2]) == EVERY_BYTE

    def test_chunked_upload(self, echoed: Client) -> None:
        """A body without a length goes through in chunks, whole and in order."""
        pieces = tuple(EVERY_BYTE[at : at + 7001] for at in range(0, len(EVERY_BYTE), 7001))
        got = echoed.ask(Ask("POST", "/", {"Content-Type": "application/octet-stream"}, pieces=pieces))
        head, _, body = got.body.partition(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert body == EVERY_BYTE


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 400, 401, 403, 404, 405, 418, 429, 500, 502, 503])
    def test_status(self, client: Client, status: int) -> None:
        """An upstream's status is the caller's status, even where the gateway has an error of that number."""
        got = client.ask(Ask("GET", f"/status/{status}"))
        assert got.status == status
        assert is_from_upstream(got)

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_compressed(self, client: Client, coding: str) -> None:
        """A compressed body stays compressed on its way, and the client decodes it."""
        got = client.ask(Ask("GET", f"/{coding}"))
        assert got.json()[{"gzip": "gzipped", "deflate": "deflated"}[coding]] is True
        assert got.fields["content-encoding"] == coding

    def test_head(self, client: Client) -> None:
        """HEAD has the length of the body that GET would have, and no body; the next call isn't disturbed."""
        got = client.ask(Ask("HEAD", "/bytes/3000?seed=1"))
        assert (got.status, got.fields["content-length"], got.body) == (200, "3000", b"")
        assert client.ask(Ask("GET", "/get")).status == 200

    def test_no_content(self, client: Client) -> None:
        """204 has neither a body nor a length; the next call isn't disturbed."""
        got = client.ask(Ask("GET", "/status/204"))
        assert (got.status, got.body, got.fields.get("content-length")) == (204, b"", None)
        assert client.ask(Ask("GET", "/get")).status == 200

    def test_etag(self, client: Client) -> None:
        """Conditional requests work: 304 for what is known, 412 for what has changed."""
        got = client.ask(Ask("GET", "/etag/abc", {"If-None-Match": '"other"'}))
        assert (got.status, got.fields["etag"].strip('"')) == (200, "abc")
        known = client.ask(Ask("GET", "/etag/abc", {"If-None-Match": '"abc"'}))
        assert (known.status, known.body) == (304, b"")
        assert client.ask(Ask("GET", "/etag/abc", {"If-Match": '"other"'})).status == 412
        assert client.ask(Ask("GET", "/get")).status == 200

    def test_binary(self, client: Client, twin: Client) -> None:
        """The body is the upstream's, byte for byte."""
        ask = Ask("GET", "/bytes/100000?seed=7")
        assert client.ask(ask).body == twin.ask(ask).body

    def test_chunked(self, client: Client, twin: Client) -> None:
        """A body without a length is complete and in order."""
        ask = Ask("GET", "/stream-bytes/100000?seed=7&chunk_size=1001")
        got = client.ask(ask)
        assert (len(got.body), got.body == twin.ask(ask).body) == (100000, True)
        assert got.fields["transfer-encoding"] == "chunked"

    def test_range(self, client: Client) -> None:
        """A part of a file can be asked for."""
        got = client.ask(Ask("GET", "/range/1024", {"Range": "bytes=26-51"}))
        assert (got.status, got.body) == (206, b"abcdefghijklmnopqrstuvwxyz")
        assert got.fields["content-range"] == "bytes 26-51/1024"

    def test_cookies(self, client: Client) -> None:
        """Cookies are kept by the client and sent again."""
        client.ask(Ask("GET", "/response-headers?Set-Cookie=flavour%3Dplain%3B%20Path%3D/"))
        assert client.ask(Ask("GET", "/cookies")).json()["cookies"] == {"flavour": "plain"}

    def test_repeated_fields(self, client: Client) -> None:
        """A field that comes twice stays twice."""
        got = client.ask(Ask("GET", "/response-headers?X-Twice=one&X-Twice=two"))
        assert got.json()["X-Twice"] == ["one", "two"]
        assert got.fields["x-twice"] in {"one, two", "two", "one"}  # how a client joins them is its own affair


class TestRedirects:
    @pytest.mark.parametrize("kind", ["redirect", "relative-redirect", "absolute-redirect"])
    def test_followed(self, client: Client, kind: str) -> None:
        """Redirects lead through the gateway to the end, absolute or relative."""
        got = client.ask(Ask("GET", f"/{kind}/3", follow=True))
        assert got.status == 200
        assert is_from_upstream(got)
        assert str(got.json()["url"]).endswith("/get")

    def test_passed_on(self, client: Client, place: Place) -> None:
        """A redirect is passed on, and its Location names the gateway."""
        got = client.ask(Ask("GET", "/absolute-redirect/1"))
        assert (got.status, got.fields["location"]) == (302, f"{place.through.base}/get")
        assert client.ask(Ask("GET", "/redirect/1")).fields["location"] == "/bin/get"

    def test_elsewhere(self, client: Client) -> None:
        """A redirect to somewhere else is left as it is."""
        got = client.ask(Ask("GET", "/redirect-to?url=https%3A%2F%2Felsewhere.example%2Fx%3Fy%3D1%23z"))
        assert got.fields["location"] == "https://elsewhere.example/x?y=1#z"

    def test_body_is_sent_again(self, client: Client, place: Place) -> None:
        """307 keeps method and body, and the key goes with it."""
        path = f"/redirect-to?status_code=307&url={place.direct.base}/post"
        got = client.ask(Ask("POST", path, value={"once": "more"}, follow=True))
        assert (got.status, got.json()["json"]) == (200, {"once": "more"})


class TestCredentials:
    @pytest.mark.parametrize("kind", sorted(CLIENTS))
    def test_the_api_knows_the_gateway(self, place: Place, kind: str) -> None:
        """An API that asks for credentials is content with those that the gateway adds."""
        with CLIENTS[kind](place.upstream("bearer")) as client:
            got = client.ask(Ask("GET", "/bearer"))
            assert (got.status, got.json()["token"]) == (200, "secret-of-httpbin")
        with CLIENTS[kind](place.upstream("basic")) as client:
            assert client.ask(Ask("GET", "/basic-auth/user/pass:word")).status == 200
            assert client.ask(Ask("GET", "/basic-auth/user/other")).status == 401
        with CLIENTS[kind](place.through) as client:
            assert client.ask(Ask("GET", "/bearer")).status == 401
