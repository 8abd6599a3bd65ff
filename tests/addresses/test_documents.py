"""Any spelling of a place in a document: an upstream or a destination is where it says, or the document is refused."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.config.problem import DocumentError
from exeat.model.snapshot import Snapshot
from tests.addresses import oracle, spellings, world
from tests.addresses.spellings import Spelling, Url, is_address
from tests.support.in_process import compile_document

GRANTED = ("10.0.0.0/8", "127.0.0.0/8", "fd12::/16", "::1/128", "192.168.1.1/32")
PORTS = ("", "", ":443", ":8443", ":80", ":0", ":65536", ":00443", ":", ":443:80", ":x", ":８０")  # noqa: RUF001 - no digits


def compiled(document: Mapping[str, object]) -> Snapshot | None:
    """The snapshot of a document; None if it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return compile_document(document, Path(folder))
        except DocumentError:
            return None


def is_callable(host: str, *, report: bool) -> bool:
    """Whether an upstream may be at a host, as far as its URL tells."""
    if not is_address(host):
        return host not in oracle.METADATA_NAMES
    return oracle.judge(host, GRANTED, report=report) != "deny"


@given(
    url=spellings.urls(world.names) | spellings.spelt(world.places),
    field=st.sampled_from(["url", "endpoints"]),
    mode=st.sampled_from(["enforce", "report"]),
)
def test_an_upstream_is_where_its_url_says(url: Url, field: str, mode: str) -> None:
    """A URL that means one place that may be called is that origin; any other refuses the document."""
    where: object = url.text if field == "url" else ["https://api.example.com", url.text]
    network = {"private": list(GRANTED), "mode": mode}
    if field == "endpoints" and url.meaning == ("https", "api.example.com", 443):
        return  # listed twice, which is refused for that
    snapshot = compiled({"upstreams": {"t": {field: where, "plaintext": True, "network": network}}})
    if url.meaning is None or not is_callable(url.meaning[1], report=mode == "report"):
        assert snapshot is None
    else:
        assert snapshot is not None
        assert tuple(snapshot.upstreams[b"t"].endpoints[-1].origin) == url.meaning


@given(
    host=spellings.hosts(world.names) | spellings.names(world.names), port=st.sampled_from(PORTS), below=st.booleans()
)
def test_a_destination_is_what_it_says(host: Spelling, port: str, *, below: bool) -> None:
    """A destination has one spelling, the canonical one; every other is refused, and so is an address."""
    text = f"{'*.' if below else ''}{host.text}{port}"
    snapshot = compiled({"destinations": [text]})
    is_canonical = host.text == host.host and not is_address(host.host) and port in {"", ":443", ":8443", ":80"}
    assert (snapshot is not None) is is_canonical
    if snapshot is not None:
        assert host.host in (snapshot.below if below else snapshot.exact)


@pytest.mark.parametrize(
    "text", ["*", "*.", "*.*.com", "a.*.com", "*a.com", "**.com", "*.com.", "http://a.com", "a.com/", "1", "*.1"]
)
def test_no_destination_is_wider_than_it_looks(text: str) -> None:
    """A pattern is one leading `*.` before a name, and nothing else."""
    assert compiled({"destinations": [text]}) is None
