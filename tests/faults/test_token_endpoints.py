"""Token endpoints in trouble: who needs a token is refused before anything is sent, and passes once there is one."""

import json
from pathlib import Path

import pytest

from exeat.errors import MEANINGS
from tests.faults.table import TOKENS, Trouble
from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.programs import free_port
from tests.support.token_place import Place, credential, document_of, placed
from tests.support.token_server import Answerer, TokenServer, failing, hang, refusing

RETRY_AFTER_S = 7
ANSWERS: dict[str, Answerer] = {
    "hanging": hang,
    "fails": failing(),
    "busy": failing("429 Too Many Requests", f"Retry-After: {RETRY_AFTER_S}"),
    "refuses": refusing("invalid_client", "the secret is wrong", "401 Unauthorized"),
    "answers-a-page": failing("200 OK"),
}
HERE = [trouble for trouble in TOKENS if not trouble.tested]

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the gateway trusts."""
    return Authority(Path(tmp_path_factory.mktemp("tokens")))


def check_refused(place: Place, trouble: Trouble) -> None:
    """A call is refused as the row says, with when it is worth to call again; the upstream hears nothing of it."""
    (code,) = trouble.meets.values()
    answer = place.call()
    assert (answer.status, answer.field("exeat-error")) == (MEANINGS[code].status, code)
    assert "token" in json.loads(answer.body)["detail"], answer.body
    if trouble.name != "hanging":  # nobody knows when it will answer
        assert int(answer.field("retry-after") or 0) >= (RETRY_AFTER_S if trouble.name == "busy" else 1)
    assert place.origin.requests == []
    line = place.gateway.access_lines(1)[0]
    assert (line["error"], line["outcome"]) == (code, "failed")


def check_spared(place: Place) -> None:
    """However many call, the endpoint is asked at its own pace, and not by each of them."""
    for _ in range(20):
        place.call()
    assert len(place.server.asks) <= 3


@pytest.mark.parametrize("trouble", [trouble for trouble in HERE if trouble.name in ANSWERS], ids=lambda row: row.name)
def test_answers(authority: Authority, trouble: Trouble) -> None:
    """An endpoint that gives no token: calls are refused, and pass once it gives one."""
    server = TokenServer(authority)
    server.always(ANSWERS[trouble.name])
    with placed(authority, server) as place:
        check_refused(place, trouble)
        if trouble.name != "hanging":  # each of those calls would wait for it
            check_spared(place)
        server.always(None)
        if trouble.name == "refuses":
            place.gateway.reload(document_of(place.origin, authority, place.key, credential(server)))
        wait_until(lambda: place.call().status == 200, "there is a token")
        assert len(server.tokens) == 1


@pytest.mark.parametrize("name", ["nobody-listens", "untrusted"])
def test_unreached(authority: Authority, tmp_path: Path, name: str) -> None:
    """An endpoint that can't be reached: calls are refused, until the document names one that can."""
    (trouble,) = (trouble for trouble in HERE if trouble.name == name)
    good, stranger = TokenServer(authority), TokenServer(Authority(tmp_path, "stranger"))
    with stranger:
        url = stranger.url if name == "untrusted" else f"https://localhost:{free_port()}/token"
        with placed(authority, good, token_url=url) as place:
            check_refused(place, trouble)
            assert stranger.asks == good.asks == []
            place.gateway.reload(document_of(place.origin, authority, place.key, credential(good)))
            wait_until(lambda: place.call().status == 200, "there is a token")


def test_every_row_is_tested() -> None:
    """What the table has is tested here, or where it says."""
    assert {trouble.name for trouble in HERE} == {*ANSWERS, "nobody-listens", "untrusted"}
    root = Path(__file__).resolve().parents[2]
    assert all((root / trouble.tested).is_file() for trouble in TOKENS if trouble.tested)
