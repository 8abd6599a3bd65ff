"""Callers that sign as clients of AWS do, at a real gateway: the pair comes from its keyring, whichever key seals."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.support.aws_signing import signed
from tests.support.gateway import Gateway, MadeKey, make_key, run_exeat
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller
from tests.support.recorded import run_here, wait_for_records

CONTENT = MARKERS.make("content that was signed")


def echo(peer: Peer, request: Request) -> None:
    """Answer with the body."""
    peer.answer(peer.read_body(request))


@pytest.fixture(scope="module")
def key() -> MadeKey:
    """A key that the document knows by its digest alone."""
    return make_key()


@pytest.fixture(scope="module")
def gateway(key: MadeKey) -> Iterator[Gateway]:
    """A gateway before an upstream that isn't AWS, and whose bodies are kept."""
    with Origin(echo) as origin:
        kept = {"request": "4KiB"}
        entry = origin.entry(credential={"kind": "bearer", "secret": MARKERS.make("token")}, bodies=kept)
        document = {
            "upstreams": {"api": entry},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document, workers=2) as gateway:
            yield gateway


def pair_of(gateway: Gateway, key: MadeKey) -> dict[str, str]:
    """The pair of a key, by the id that a document gives it which says none."""
    printed = run_exeat("key", "aws", key.sha256[:12], "--json", cwd=gateway.folder)
    pair: dict[str, str] = json.loads(printed.stdout)
    MARKERS.add_input(gateway.folder / "exeat-data" / "keyring")
    return pair


def call(gateway: Gateway, pair: dict[str, str]) -> Answer:
    """Make a signed call."""
    body = CONTENT.encode()
    head = signed(
        "/api/v1",
        "sqs",
        "POST",
        body,
        access_key=pair["access_key_id"],
        secret=pair["secret_access_key"],
        host=f"127.0.0.1:{gateway.port}",
        now=time.time(),  # noqa: TID251 - the gateway's clock is the machine's
    )
    with RawCaller(gateway.port) as caller:
        caller.send(head + b"\r\n\r\n" + body)
        return caller.read("POST")


def test_a_body_that_was_gathered_is_kept(gateway: Gateway, key: MadeKey) -> None:
    """A body that was needed to find out who calls is kept as any other."""
    answer = call(gateway, pair_of(gateway, key))
    assert (answer.status, answer.body) == (200, CONTENT.encode())
    identifier = str(answer.field("exeat-request-id"))
    wait_for_records(gateway.folder, identifier)
    shown = run_here(gateway.folder, "audit", "body", identifier, "--side", "request", opens=True)
    assert (shown.returncode, shown.stdout) == (0, CONTENT)


def test_pairs_outlive_a_rotation_of_the_keyring(gateway: Gateway, key: MadeKey) -> None:
    """After `keyring rotate` and a restart, the pair that was given out works, and so does the new one."""
    before = pair_of(gateway, key)
    assert run_exeat("keyring", "rotate", cwd=gateway.folder).returncode == 0
    gateway.stop()
    gateway.start()
    after = pair_of(gateway, key)
    assert before["secret_access_key"] != after["secret_access_key"]
    assert [call(gateway, pair).status for pair in (before, after)] == [200, 200]
