"""Conversations about keys that stand as the upstream's own secret would, behind the prefix that it wants there."""

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from exeat.config.sibling_entries import Sibling
from exeat.config.siblings import with_siblings
from exeat.model.credential import Header, Pool, Query, Share, Together
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Reach, TlsIdentity
from exeat.policy.inject import prepare
from tests.support.playbook import KEYED, Stage, conversation, on_stage
from tests.support.values import KEY, snapshot, upstream

HOST = "Host: gateway.test"
SECRET = Secret("the-secret")
PAGER = Header("Authorization", SECRET, "Token token=")
MODEL = Header("X-Api-Key", SECRET, "Token ")
OWN = Header("X-Token", SECRET, "v1=")


def made(kind: Header | Pool | Together) -> Callable[[], Snapshot]:
    """An upstream with this credential, and a sibling that isn't shown it."""

    def family() -> Snapshot:
        api = upstream("api", "http://api.test")
        api = replace(api, credential=prepare(kind, api.credential.origins))
        sibling = Sibling.model_validate({"host": "http://cdn.test", "credential": False})
        return snapshot(with_siblings(api, [sibling], TlsIdentity(), Reach()))

    return family


@pytest.mark.parametrize("kind", [PAGER, MODEL, OWN])
@pytest.mark.parametrize("spelt", [str, str.upper])
def test_the_key_in_place_of_the_secret(kind: Header, spelt: Callable[[str], str]) -> None:
    """It is found behind the prefix, in any case; what leaves has the credential there, and the key nowhere."""
    with on_stage(made(kind)()) as stage:
        caller = stage.caller()
        shown = f"{kind.name}: {spelt(kind.prefix)}{KEY.decode()}"
        caller.says("GET /api/a HTTP/1.1", HOST, shown)
        stage.upstream().hears("GET /a HTTP/1.1", "Host: api.test", f"{kind.name}: {kind.prefix}the-secret")
        stage.upstream().says("HTTP/1.1 204 No Content")
        caller.takes()
        caller.says("GET /api/~cdn.test/a HTTP/1.1", HOST, shown)
        stage.upstream(2).hears("GET /a HTTP/1.1", "Host: cdn.test")


@pytest.mark.parametrize(
    "kind", [Pool((Share(PAGER, 1, "1"), Share(PAGER, 1, "2"))), Together((Query("key", SECRET), PAGER, OWN))]
)
def test_of_several_credentials_the_first_counts(kind: Pool | Together) -> None:
    """A pool looks for a key where its first member has its secret, and a list where its first field has one."""
    with on_stage(made(kind)()) as stage:
        stage.caller().says("GET /api/a HTTP/1.1", HOST, f"Authorization: Token token={KEY.decode()}")
        heard = stage.upstream().takes()
        assert b"Authorization: Token token=the-secret\r\n" in heard
        assert KEY not in heard


@conversation(made(PAGER))
def test_in_an_envelope(stage: Stage) -> None:
    """What a call of an envelope holds there is taken out as well, and refused if it is another key."""
    for key, leaves in ((KEY.decode(), True), (KEY.decode()[:-1], False)):
        caller = stage.caller()
        call = {"upstream": "api", "path": "/a", "headers": {"authorization": f"Token token={key}"}}
        body = orjson.dumps(call).decode()
        caller.says("POST /-/call HTTP/1.1", HOST, KEYED, f"Content-Length: {len(body)}", body=body)
        if leaves:
            heard = stage.upstream().takes()
            assert b"Authorization: Token token=the-secret\r\n" in heard
            assert KEY not in heard
            stage.upstream().says("HTTP/1.1 204 No Content")
            caller.takes()
        else:
            assert b"key-malformed" in caller.takes()
