"""PyGithub against a stand-in for GitHub's REST API, pages and redirects included."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import github
import pytest
import requests

from tests.sdks.place import Api, Place, beside, placed
from tests.support.apis.answers import Reply
from tests.support.apis.github import ISSUES, GitHub
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.markers import MARKERS

SECRET = MARKERS.make("secret of GitHub")
LINKS = ["url", "issue_url", "protection_url", "upload_url"]  # what PyGithub follows most
BUSY = Reply(503, {"message": "Busy."})
Make = Callable[..., github.Github]


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway before GitHub, and its host for uploads beside it; `plain` leaves URLs in bodies as they are."""
    account = GitHub(SECRET)
    with beside(authority, account.uploads) as uploads:
        account.uploads_url = uploads.url
        entry = {"credential": {"kind": "bearer", "secret": SECRET}, "circuit": "off", "retries": "off"}
        apis = {
            "github": Api(account.api, {**entry, "retries": 2, "links": LINKS}, sibling=uploads),
            "plain": Api(account.api, entry),
        }
        with placed(authority, Path(tmp_path_factory.mktemp("github")), **apis) as place:
            yield place


@pytest.fixture
def made(place: Place) -> Iterator[Make]:
    """Makes clients as their users make them, but in more of a hurry; they are closed at the end."""
    with ExitStack() as stack:

        def make(key: str | None = None, upstream: str = "github", **more: object) -> github.Github:
            options = {"seconds_between_requests": None, "seconds_between_writes": None, "retry": None, **more}
            auth = github.Auth.Token(key or place.key)
            client = github.Github(auth=auth, base_url=f"{place.url}/{upstream}", **options)  # type: ignore[arg-type]
            stack.callback(client.close)
            return client

        yield make


def test_call(place: Place, made: Make) -> None:
    """The key stands where PyGithub puts a token, and GitHub sees its own."""
    client = made()
    assert client.get_user().login == "octocat"
    assert client.get_repo("octo/world").create_issue("Grüße").title == "Grüße"
    request = place.apis["github"].requests[-1]
    assert request.fields["authorization"] == f"Bearer {SECRET}"
    assert request.fields["user-agent"].startswith("PyGithub")


def test_pages(made: Make) -> None:
    """Lists are followed page by page, from either end, and counted: `Link` leads back to the gateway."""
    issues = made(per_page=2).get_repo("octo/world").get_issues()
    numbers = [issue.number for issue in issues]
    assert numbers[:ISSUES] == list(range(1, ISSUES + 1))
    assert [issue.number for issue in issues.reversed] == numbers[::-1]
    assert issues.totalCount == len(numbers)


def test_whole(made: Make) -> None:
    """What a list leaves out of an object is read from the object's own URL, which is in the body."""
    repository = made().get_repo("octo/world")
    assert repository.get_issues()[0].body == "The text of issue 1."
    assert repository.owner.name == "Octo Cat"


def test_redirect(made: Make) -> None:
    """A repository that has moved is found at its new place."""
    assert made().get_repo("octo/old").full_name == "octo/world"


def test_upload(place: Place, made: Make, tmp_path: Path) -> None:
    """An asset goes to another host of GitHub, by way of the gateway, with the same credential."""
    (tmp_path / "all.bin").write_bytes(bytes(range(256)) * 400)
    asset = made().get_repo("octo/world").get_release(1).upload_asset(str(tmp_path / "all.bin"), "All & everything")
    assert (asset.name, asset.size) == ("all.bin", 102_400)
    request = place.siblings["github"].requests[-1]
    assert request.values("authorization") == [f"Bearer {SECRET}"]
    assert "exeat" not in request.raw.decode("latin-1").lower()


def test_without_links(made: Make) -> None:
    """Without `links`, PyGithub refuses to follow an object's URL; by names that it makes itself, it still works."""
    repository = made(upstream="plain").get_repo("octo/world")
    with pytest.raises(AssertionError, match="/repos/octo/world"):
        list(repository.get_issues())
    by_name = made(upstream="plain", lazy=True, per_page=2).get_repo("octo/world")
    assert [issue.number for issue in by_name.get_issues()][:ISSUES] == list(range(1, ISSUES + 1))


def test_request_id(place: Place, made: Make) -> None:
    """The answer shows the id that finds the call in the gateway."""
    user = made().get_user()
    assert user.login
    assert place.record(str(user.raw_headers["exeat-request-id"]))["path"] == "/user"


def test_errors_of_the_api(made: Make) -> None:
    """What GitHub refuses is the SDK's own error."""
    with pytest.raises(github.UnknownObjectException) as refused:
        made().get_repo("octo/nothing")
    assert refused.value.data["message"] == "Not Found"
    assert (refused.value.headers or {})["exeat-origin"] == "upstream"


def test_errors_of_the_gateway(made: Make) -> None:
    """What the gateway refuses is the SDK's error with that status, and its data is the problem."""
    with pytest.raises(github.GithubException) as refused:
        made(make_key().key).get_user().login  # noqa: B018 - reading it is the call
    assert refused.value.status == 401
    assert refused.value.data["code"] == (refused.value.headers or {})["exeat-error"] == "key-unknown"


def test_retries_on_one_side(place: Place, made: Make) -> None:
    """Whoever repeats, it is three attempts: the gateway with `retry=None`, or the SDK where the gateway's are off."""
    for upstream, retry in ("github", None), ("plain", github.GithubRetry(total=2)):
        with place.apis[upstream].failing(BUSY, BUSY) as heard:
            assert made(upstream=upstream, retry=retry).get_user().login == "octocat"
        assert len(heard) == 3


def test_retries_multiply(place: Place, made: Make) -> None:
    """With both it is three times as many, for the SDK doesn't say that it repeats: one side has to be turned off."""
    with place.apis["github"].failing(*[BUSY] * 6) as heard, pytest.raises(requests.exceptions.RetryError):
        made(retry=github.GithubRetry(total=1)).get_user().login  # noqa: B018
    assert len(heard) == 6
