"""google-auth before a gateway that holds the service account's key, and with a key of the program's own."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from google.auth import jwt
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceAccount

from tests.sdks.place import Api, Place, placed
from tests.support.apis.answers import Reply, Request
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.google_key import google_key
from tests.support.token_server import Ask, TokenServer

SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
GOOGLE = "https://oauth2.googleapis.com/token"
BUCKETS = ("logs", "photos", "reports")
BUSY = Reply(503, {"error": {"code": 503, "message": "Backend Error", "status": "UNAVAILABLE"}})


class Google(NamedTuple):
    """The gateway, the endpoint that gives tokens, and the key that it gives them for."""

    place: Place
    tokens: TokenServer
    key: dict[str, str]


@pytest.fixture(scope="module")
def google(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A gateway before an API of Google: `storage` has the key, `own` passes on what the caller shows."""
    with ExitStack() as stack:
        tokens = stack.enter_context(TokenServer(authority))
        key = json.loads(google_key(tokens.url))
        public = load_pem_private_key(key["private_key"].encode(), None).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        tokens.judge = lambda ask: is_asserted(ask, pem, key["client_email"], tokens.url)
        credential = {"kind": "google-service-account", "key": json.dumps(key), "scope": SCOPE}

        def answer(request: Request) -> Reply:
            return storage(tokens, request)

        apis = {"storage": Api(answer, {"credential": credential}), "own": Api(answer, {"credential": "caller"})}
        folder = Path(tmp_path_factory.mktemp("google"))
        yield Google(stack.enter_context(placed(authority, folder, **apis)), tokens, key)


def is_asserted(ask: Ask, public: bytes, issuer: str, audience: str) -> bool:
    """Whether a request for a token has an assertion that Google's own library finds right."""
    known = [audience, GOOGLE]  # the library says Google's address, wherever the endpoint is
    claims = jwt.decode(ask.form["assertion"], certs=public, audience=known, clock_skew_in_seconds=5)  # type: ignore[no-untyped-call]
    return bool(claims["iss"] == issuer and claims["scope"] == SCOPE)


def storage(tokens: TokenServer, request: Request) -> Reply:
    """Answer as Google's storage does: buckets in pages, one at a time."""
    if not tokens.is_good(request.fields.get("authorization", "").removeprefix("Bearer ")):
        return Reply(401, {"error": {"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"}})
    if request.path != "/storage/v1/b":
        return Reply(404, {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}})
    page = int(request.query.get("pageToken", ["0"])[0])
    following = {"nextPageToken": str(page + 1)} if page + 1 < len(BUCKETS) else {}
    return Reply(200, {"kind": "storage#buckets", "items": [{"name": BUCKETS[page]}], **following})


@pytest.fixture
def session(google: Google) -> Iterator[AuthorizedSession]:
    """A session whose token is an Exeat key."""
    with AuthorizedSession(Credentials(token=google.place.key)) as session:  # type: ignore[no-untyped-call]
        yield session


def test_call(google: Google, session: AuthorizedSession) -> None:
    """The key stands where a token would; Google sees a token of the service account, got with a right assertion."""
    answer = session.get(f"{google.place.url}/storage/storage/v1/b")
    assert answer.json()["items"] == [{"name": "logs"}]
    assert google.tokens.refused == 0
    line = google.place.record(answer.headers["Exeat-Request-Id"])
    assert (line["upstream"], line["path"]) == ("storage", "/storage/v1/b")


def test_pages(google: Google, session: AuthorizedSession) -> None:
    """Lists are followed page by page: a token in the answer says which is next."""
    names: list[str] = []
    query: dict[str, str] = {}
    while True:
        found = session.get(f"{google.place.url}/storage/storage/v1/b", params=query).json()
        names += [bucket["name"] for bucket in found["items"]]
        if "nextPageToken" not in found:
            break
        query = {"pageToken": found["nextPageToken"]}
    assert names == list(BUCKETS)


def test_revoked(google: Google, session: AuthorizedSession) -> None:
    """A token that Google doesn't take any more is replaced by the gateway; the program notices nothing."""
    session.get(f"{google.place.url}/storage/storage/v1/b")
    given = len(google.tokens.tokens)
    google.tokens.revoke()
    assert session.get(f"{google.place.url}/storage/storage/v1/b").status_code == 200
    assert len(google.tokens.tokens) == given + 1


def test_errors_of_the_api(google: Google, session: AuthorizedSession) -> None:
    """What Google refuses is its own answer."""
    answer = session.get(f"{google.place.url}/storage/nothing")
    assert (answer.status_code, answer.headers["Exeat-Origin"]) == (404, "upstream")
    assert answer.json()["error"]["status"] == "NOT_FOUND"


def test_errors_of_the_gateway(google: Google) -> None:
    """A refused key is a RefreshError, because 401 has the library look for a new token; or 401, if it mustn't."""
    url = f"{google.place.url}/storage/storage/v1/b"
    wrong = Credentials(token=make_key().key)  # type: ignore[no-untyped-call]
    with AuthorizedSession(wrong) as session, pytest.raises(RefreshError):  # type: ignore[no-untyped-call]
        session.get(url)
    with AuthorizedSession(wrong, refresh_status_codes=()) as session:  # type: ignore[no-untyped-call]
        answer = session.get(url)
        assert (answer.status_code, answer.json()["code"]) == (401, "key-unknown")


def test_retries(google: Google, session: AuthorizedSession) -> None:
    """The library repeats nothing by itself; the gateway does, where nothing can be done twice."""
    with google.place.apis["storage"].failing(BUSY, BUSY) as heard:
        assert session.get(f"{google.place.url}/storage/storage/v1/b").status_code == 200
    assert len(heard) == 3


def test_own_account(google: Google) -> None:
    """A program with a service account of its own shows its own token, and the key in a field beside it."""
    account = ServiceAccount.from_service_account_info(google.key, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    with AuthorizedSession(account) as session:  # type: ignore[no-untyped-call]
        session.headers["Exeat-Key"] = google.place.key
        assert session.get(f"{google.place.url}/own/storage/v1/b").json()["items"] == [{"name": "logs"}]
    request = google.place.apis["own"].requests[-1]
    assert request.fields["authorization"] == f"Bearer {account.token}"
