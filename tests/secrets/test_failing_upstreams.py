"""An upstream that fails with the secret in its hands: malformed answers, TLS that doesn't come about, early ends."""

import asyncio
from secrets import token_hex

import pytest

from exeat.model.credential import Bearer
from exeat.model.secret import Secret
from tests.secrets.calls import Offer
from tests.secrets.conversation import KEY, OFFERS, PRIVATE, SECRET, Heard, configured, logs_of
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.in_process import LocalGateway, ask_at, compile_document
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer
from tests.support.playbook import ADDRESS, message, on_stage
from tests.support.secret_search import pieces_in

SHOWN = f"Exeat-Key: {KEY.key}"
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"
MALFORMED = {
    "no HTTP": f"{SECRET}\r\n\r\n",
    "another protocol": f"SSH-2.0-{SECRET}\r\n",
    "another version": f"HTTP/{SECRET} 200 OK\r\n\r\n",
    "a status": f"HTTP/1.1 {SECRET} OK\r\n\r\n",
    "a control in the reason": f"HTTP/1.1 200 {SECRET}\x01\r\n\r\n",
    "no field": f"HTTP/1.1 200 OK\r\nNot a field {SECRET}\r\n\r\n",
    "a bad name": f"HTTP/1.1 200 OK\r\nX {SECRET}: 1\r\n\r\n",
    "a control in a field": f"HTTP/1.1 200 OK\r\nX-Echo: {SECRET}\x00\r\n\r\n",
    "a folded field": f"HTTP/1.1 200 OK\r\nX-Echo: 1\r\n {SECRET}\r\n\r\n",
    "a length": f"HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n",
    "two lengths": f"HTTP/1.1 200 OK\r\nX-Echo: {SECRET}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a coding": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {SECRET}\r\n\r\n",
    "too many fields": "HTTP/1.1 200 OK\r\n" + f"X-Echo: {SECRET}\r\n" * 101 + "\r\n",
    "too large a head": "HTTP/1.1 200 OK\r\n" + f"X-Echo: {SECRET * 60}\r\n" * 99,
    "an upgrade": f"HTTP/1.1 101 {SECRET}\r\nUpgrade: {SECRET}\r\n\r\n",
    "too many interim answers": f"HTTP/1.1 103 {SECRET}\r\nX-Echo: {SECRET}\r\n\r\n" * 40,
    "half a head": f"HTTP/1.1 200 OK\r\nX-Echo: {SECRET}\r\nX-Ec",
    "a chunk's size": f"{CHUNKED}{SECRET}\r\n",
    "a chunk's extension": f"{CHUNKED}1;x={SECRET}\r\nz\r\n0\r\n\r\n",
    "a bad trailer": f"{CHUNKED}0\r\nNo trailer {SECRET}\r\n\r\n",
    "half a trailer": f"{CHUNKED}0\r\nX-Echo: {SECRET}",
    "bytes after the end": f"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 {SECRET}\r\n\r\n",
    "an empty answer": "",
}


@pytest.mark.parametrize("finishes", [True, False], ids=["FIN", "RST"])
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_answers(case: str, finishes: bool) -> None:  # noqa: FBT001 - parametrized
    """What is wrong with an answer is said in Exeat's own words, none of them the upstream's."""
    with on_stage(configured(OFFERS["bearer"])) as stage:
        caller = stage.caller()
        caller.sends(message("GET /api/v1/things HTTP/1.1", "Host: gateway.test", "TE: trailers", SHOWN))
        api = stage.upstream()
        sent = api.takes_raw()
        api.sends(MALFORMED[case])
        stage.loop.network.refused.add(ADDRESS)
        (api.finishes if finishes else api.vanishes)()
        stage.passes(1.0)  # so that what can be tried again has been, in vain
        heard = Heard(sent, caller.takes_raw(), logs_of(stage))
    assert SECRET.encode() in heard.upstream
    assert heard.caller.startswith(b"HTTP/1.1 ")
    for said in (heard.caller, heard.logs):
        assert pieces_in(said, SECRET) == []
        assert pieces_in(said, PRIVATE) == []


def test_names_of_fields_and_trailers() -> None:
    """A secret that could be a field's name doesn't come back as one."""
    token = MARKERS.make("secret that is a name")
    with on_stage(configured(Offer(Bearer(Secret(token)), (token,), {}))) as stage:
        caller = stage.caller()
        caller.sends(message("GET /api/ HTTP/1.1", "Host: gateway.test", "TE: trailers", SHOWN))
        body = f"4\r\nbody\r\n0\r\nX-{token}: 1\r\nX-Else: 2\r\n\r\n"
        stage.upstream().says("HTTP/1.1 200 OK", f"{token}: 1", "Transfer-Encoding: chunked", body=body)
        heard = caller.takes_raw()
    assert heard.endswith(b"0\r\nX-Else: 2\r\n\r\n")
    assert pieces_in(heard, token) == []


class TestTls:
    """Whom an upstream says it is, and what it says instead of TLS."""

    def failure(self, origin: Origin, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> bytes:
        """What a caller is told, and what is logged."""
        key = make_key()
        document: dict[str, object] = {
            "upstreams": {
                "api": origin.entry(authority.file, credential={"kind": "bearer", "secret": SECRET})
                | {"url": f"https://{origin.authority}", "plaintext": False, "tls": {"ca": str(authority.file)}}
            },
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        snapshot = compile_document(document, tmp_path_factory.mktemp("tls"))

        async def ask() -> bytes:
            async with LocalGateway(snapshot) as gateway:
                request = message("GET /api/ HTTP/1.1", "Host: x", f"Exeat-Key: {key.key}", "Connection: close")
                answer = await ask_at(gateway.port, request)
                await gateway.settle()
                lines = repr(gateway.lines).encode() + gateway.log.encode()
            assert b"tls-failed" in answer.body
            return answer.head + answer.body + lines

        return asyncio.run(ask())

    def test_another_name(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """The names in a certificate that isn't the upstream's aren't repeated."""
        authority = Authority(tmp_path_factory.mktemp("authority"))
        name = MARKERS.add("name in a certificate", f"marker-{token_hex(16)}")  # a label doesn't end in "-"
        with Origin(context=authority.server_context(f"{name}.example")) as origin:
            assert pieces_in(self.failure(origin, authority, tmp_path_factory), name) == []

    def test_no_tls(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """What a server says that speaks no TLS isn't repeated."""

        def greet(peer: Peer) -> None:
            peer.send(f"220 {SECRET} ready\r\n".encode())

        authority = Authority(tmp_path_factory.mktemp("authority"))
        with Origin(greeting=greet) as origin:
            assert pieces_in(self.failure(origin, authority, tmp_path_factory), SECRET) == []
