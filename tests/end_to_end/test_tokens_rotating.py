"""Refresh tokens that count once, from end to end: under load, over processes and instances, and in the keyring."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from exeat.model.sealed import master_key_of
from exeat.store.configuration.tables import upstream_tokens
from exeat.store.database import open_database, reading
from exeat.vault.keyring import Keyring, MasterKey
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, make_key, run_exeat, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer
from tests.support.postgres import Postgres, postgres
from tests.support.raw_caller import RawCaller
from tests.support.token_place import document_of
from tests.support.token_server import Ask, TokenServer, guarded, refuse

LIVES_S = 3.0
LOAD_S = 12.0
SHARED_LIVES_S = 8.0  # a fifth of it is left when a token is renewed: room for a busy machine


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server for the instances."""
    with postgres() as running:
        yield running


def rotating(authority: Authority, *, lives_s: float = LIVES_S) -> TokenServer:
    """An endpoint where each refresh token counts once, and whose tokens live briefly."""
    first = MARKERS.make("a refresh token of a document")
    return TokenServer(authority, lives_s=lives_s, refresh=first, rotates=True)


def credential(tokens: TokenServer, refresh: str | None = None) -> dict[str, object]:
    """A grant of a server, with the refresh token that counts there now."""
    return {
        "kind": "oauth2-refresh-token",
        "token_url": tokens.url,
        "client_id": "exeat",
        "client_secret": MARKERS.make("a client's secret"),
        "refresh_token": refresh or tokens.refresh,
    }


class Load:
    """Calls of many callers, as long as the block lasts; `statuses` are those of the answers, or why one failed."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.statuses: list[int | str] = []

    @contextmanager
    def on(self, *gateways: Gateway, callers: int = 2) -> Iterator[None]:
        """Call these gateways."""
        self._threads = [
            threading.Thread(target=self._call, args=(gateway.port,)) for gateway in gateways for _ in range(callers)
        ]
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _call(self, port: int) -> None:
        while not self._over.is_set():
            try:
                with RawCaller(port) as caller:
                    for _ in range(50):
                        answer = caller.call("GET", "/api/x", f"Exeat-Key: {self._key}")
                        self.statuses.append(answer.field("exeat-error") or answer.status)
                        if self._over.wait(0.01):
                            return
            except OSError as error:
                self.statuses.append(type(error).__name__)


def test_rotation_under_load(authority: Authority) -> None:
    """Every call has a good token while one takes the place of another; each refresh token is used once."""
    key = make_key()
    with rotating(authority) as tokens, Origin(guarded(tokens), authority.server_context()) as origin:
        document = document_of(origin, authority, key, credential(tokens))
        with Gateway(document, {"SSL_CERT_FILE": str(authority.file)}, workers=2) as gateway:
            load = Load(key.key)
            with load.on(gateway):
                time.sleep(LOAD_S)  # how long the load lasts: nothing is waited for
            assert len(load.statuses) > 200
            assert set(load.statuses) == {200}
            assert tokens.refused == 0
            assert LOAD_S / LIVES_S <= len(tokens.tokens) <= LOAD_S / LIVES_S * 2
            assert not gateway.events("a token can't be fetched; calls that need it are refused")


def test_a_gateway_that_starts_again(authority: Authority, tmp_path: Path) -> None:
    """It goes on with the refresh token that was given last, whatever the document has; also after it was killed."""
    key = make_key()
    with rotating(authority, lives_s=3600) as tokens, Origin(guarded(tokens), authority.server_context()) as origin:
        document = document_of(origin, authority, key, credential(tokens))
        for count in range(1, 5):
            with Gateway(document, {"SSL_CERT_FILE": str(authority.file)}, folder=tmp_path) as gateway:
                tokens.revoke()
                with RawCaller(gateway.port) as caller:
                    assert caller.call("GET", "/api/x", f"Exeat-Key: {key.key}").status == 200
                wait_until(lambda count=count: len(tokens.tokens) == count, "a token for each life")  # type: ignore[misc]
                if count % 2:
                    gateway.kill()
        assert tokens.refused == 0


def test_instances_share_a_grant(authority: Authority, server: Postgres) -> None:
    """Three gateways on one database use the refresh token in turn, under load, and while one of them is killed."""
    key, url = make_key(), server.make_database()
    with ExitStack() as stack:
        tokens = stack.enter_context(rotating(authority, lives_s=SHARED_LIVES_S))
        origin = stack.enter_context(Origin(guarded(tokens), authority.server_context()))
        document = document_of(origin, authority, key, credential(tokens))
        keyring = MARKERS.add("a keyring", Keyring(MasterKey.make()).reveal())
        env = {"SSL_CERT_FILE": str(authority.file), "EXEAT_DATABASE_URL": url, "EXEAT_KEYRING": keyring}
        one, two, three = (stack.enter_context(Gateway(document, env)) for _ in range(3))
        load = Load(key.key)
        with load.on(one, two):
            time.sleep(SHARED_LIVES_S)  # how long the load lasts, before and after
            three.kill()
            time.sleep(SHARED_LIVES_S)
        assert set(load.statuses) == {200}
        assert tokens.refused == 0
        assert tokens.most_under_way == 1
        assert len(tokens.tokens) <= (tokens.asks[-1].at - tokens.asks[0].at) / 1.5 + 2


def test_a_refresh_token_that_is_refused(authority: Authority) -> None:
    """Callers and the log are told, without the token, even where the endpoint repeats it; a new document mends it."""
    key = make_key()
    with rotating(authority) as tokens, Origin(guarded(tokens), authority.server_context()) as origin:
        wrong = MARKERS.make("a refresh token that nobody has given")

        def repeat(peer: Peer, ask: Ask) -> None:
            if ask.form["refresh_token"] == wrong:
                refuse(peer, "invalid_grant", f"Token {wrong} of the client is not known")
            else:
                tokens.issue(peer, ask)

        tokens.always(repeat)
        document = document_of(origin, authority, key, credential(tokens, wrong))
        with Gateway(document, {"SSL_CERT_FILE": str(authority.file)}) as gateway:
            with RawCaller(gateway.port) as caller:
                answer = caller.call("GET", "/api/x", f"Exeat-Key: {key.key}")
                assert answer.field("exeat-error") == "credential-unavailable"
                assert b"invalid_grant" in answer.body
                assert wrong.encode() not in answer.body
            (event,) = gateway.events("a token can't be fetched; calls that need it are refused")
            assert event["upstream"] == "api"
            assert "not known" in str(event["detail"])
            gateway.reload(document_of(origin, authority, key, credential(tokens)))
            with RawCaller(gateway.port) as caller:
                assert caller.call("GET", "/api/x", f"Exeat-Key: {key.key}").status == 200


def test_they_are_sealed_anew_with_the_rest(authority: Authority, tmp_path: Path) -> None:
    """After a rotation of the keyring, `exeat keyring reseal` leaves nothing that the old key is needed for."""
    key = make_key()
    with rotating(authority, lives_s=3600) as tokens, Origin(guarded(tokens), authority.server_context()) as origin:
        document = document_of(origin, authority, key, credential(tokens))
        env = {"SSL_CERT_FILE": str(authority.file)}
        with Gateway(document, env, folder=tmp_path):
            tokens.wait_for(1)
            wait_until(lambda: bool(sealing_keys(tmp_path)), "the refresh token is kept")
        (before,) = sealing_keys(tmp_path)
        assert run_exeat("keyring", "rotate", cwd=tmp_path, env=env).returncode == 0
        done = run_exeat("keyring", "reseal", "--json", cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["refresh_tokens"] == ["api"]
        assert {one["id"]: one["needed"] for one in said["keys"]}[before] is False
        assert before not in sealing_keys(tmp_path)
        tokens.revoke()
        with Gateway(document, env, folder=tmp_path) as gateway, RawCaller(gateway.port) as caller:
            assert caller.call("GET", "/api/x", f"Exeat-Key: {key.key}").status == 200
        assert tokens.refused == 0


def sealing_keys(folder: Path) -> set[str]:
    """The master keys under which refresh tokens are sealed in a gateway's database."""
    engine = open_database(f"sqlite:///{folder}/exeat-data/exeat.db")
    with reading(engine) as connection:
        rows = connection.execute(upstream_tokens.select()).all()
    engine.dispose()
    return {master_key_of(bytes(row.refresh_sealed)) for row in rows if row.refresh_sealed is not None}
