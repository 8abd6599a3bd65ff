"""What a record holds of path and query: values that were asked for, and no key or secret in any spelling."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.support.gateway import Gateway, JsonObject, make_key
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller
from tests.support.recorded import wait_for_records
from tests.support.secret_search import holds, spellings

SECRET = MARKERS.make("secret of the upstream")
KEY, OTHER = make_key().key, make_key()


class Place:
    """A gateway that records the values of `page` and `q`."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def record(self, target: str) -> JsonObject:
        """The record of a call, as it is in the database: the access line is the same."""
        with RawCaller(self.gateway.port) as caller:
            identifier = str(caller.call("GET", target, f"Exeat-Key: {OTHER.key}").field("exeat-request-id"))
        found = [one for one in wait_for_records(self.gateway.folder, identifier) if one["id"] == identifier]
        assert found == [self.gateway.access_line(identifier)]
        return found[0]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A running gateway."""
    with Origin() as origin:
        credential = {"kind": "bearer", "secret": SECRET}
        document = {
            "upstreams": {"api": origin.entry(credential=credential)},
            "consumers": {"web": {"keys": [{"sha256": OTHER.sha256}], "grants": ["api"]}},
            "audit": {"query_values": ["page", "q"]},
        }
        with Gateway(document) as gateway:
            yield Place(gateway)


@pytest.mark.parametrize(
    ("query", "recorded"),
    [
        ("page=2&q=a%20b&token=abc", "page=2&q=a%20b&token=*"),
        ("token=abc&page=2&page=3", "token=*&page=2&page=3"),
        ("page", "*"),
        ("page=", "page="),
        ("Page=2", "Page=*"),
        ("pa%67e=2", "pa%67e=*"),
        ("page=2=3&x==", "page=2=3&x=*"),
        ("page[]=2;q=3", "page[]=*"),
    ],
)
def test_values_of_a_query(place: Place, query: str, recorded: str) -> None:
    """Values of the listed names alone are recorded, as they were written; of all others the names."""
    assert place.record(f"/api/a?{query}")["query"] == recorded


def test_without_a_query(place: Place) -> None:
    """No query is null, and so is an empty one."""
    assert [place.record(target)["query"] for target in ("/api/a", "/api/a?")] == [None, None]


@pytest.mark.parametrize("where", ["/api/a/{}/b", "/api/a?q={}", "/api/a?q=x{}x&page={}", "/api/a?{}=1"])
@pytest.mark.parametrize("spelling", sorted(set(spellings("x")) - {"in hexadecimal", "in upper-case hexadecimal"}))
def test_the_secret_of_the_upstream(place: Place, where: str, spelling: str) -> None:
    """However a caller writes the upstream's own secret into path or query, it isn't recorded."""
    target = where.replace("{}", quote(spellings(SECRET)[spelling], safe="%"))
    record = place.record(target)
    text = json.dumps([record["path"], record["query"]])
    assert not holds(text.encode(), SECRET)
    assert "redacted" in text or record["query"] == "*=*" or "%5Bredacted%5D" in text, text


@pytest.mark.parametrize("where", ["/api/a/{}/b", "/api/a?q={}", "/api/a?q=x{}x&page={}", "/api/a?{}=1"])
@pytest.mark.parametrize("before", ["", ":", "me:", "you:"])
def test_a_key(place: Place, where: str, before: str) -> None:
    """A key, as it is, percent-encoded or as a part of something in base64, isn't recorded."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode, bytes, percent_encoded):
        written = quote(encode(f"{before}{KEY}".encode()), safe="%")
        record = place.record(where.replace("{}", written))
        text = json.dumps([record["path"], record["query"]], ensure_ascii=False)
        assert not holds(text.encode(), KEY[19:])
        assert "exeat_…" in text


def percent_encoded(octets: bytes) -> bytes:
    """Each of the bytes, also those that needn't be."""
    return "".join(f"%{octet:02X}" for octet in octets).encode()
