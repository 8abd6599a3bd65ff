"""`exeat upstream add` and `presets`: what is missing is asked for, what isn't accepted isn't added."""

import base64
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from exeat.config.presets import preset_names
from tests.cli.admin.place import Place
from tests.cli.admin.serving import served
from tests.cli.admin.test_terminal import talk
from tests.support.certificates import Authority
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request

SECRET = MARKERS.make("the secret of a preset")
NOT_MADE = "isn't made; --no-verify makes it all the same."


class Api(NamedTuple):
    """A stand-in for GitHub and Datadog: it accepts SECRET alone."""

    origin: Origin
    place: Place

    @property
    def here(self) -> tuple[str, ...]:
        """The fields that have an upstream be here."""
        return (f"url={self.origin.url}", "network.private=127.0.0.0/8", "tls.ca=authority.pem")


def behave(peer: Peer, request: Request) -> None:
    """Accept the secret in the places of GitHub, Jira and Datadog."""
    peer.read_body(request)
    coded = base64.b64encode(f"ops@example.com:{SECRET}".encode()).decode()
    shown = [*request.values("authorization"), *request.values("dd-api-key"), *request.values("dd-application-key")]
    right = ([f"Bearer {SECRET}"], [f"Basic {coded}"], [SECRET, f"{SECRET}-2"])
    peer.answer(request.raw, status="200 OK" if shown in right else "401 Unauthorized")


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    """The stand-in, and a place where commands run."""
    authority = Authority(place.folder)
    with Origin(behave, authority.server_context()) as origin:
        yield Api(origin, Place(place.folder, {**place.env, "PRESET_SECRET": SECRET}))


def test_a_secret_from_standard_input(api: Api) -> None:
    """The upstream is made once the secret is seen to be accepted, and the secret is in the vault."""
    said = api.place.do("upstream", "add", "github", *api.here, said=f"{SECRET}\n")
    assert said == (
        "GitHub REST API answers 200 to GET /user: the secret is accepted.\nupstream github is made: revision 1.\n"
    )
    shown = api.place.read("upstream", "show", "github")["data"]
    assert shown == {
        "preset": "github",
        "url": api.origin.url,
        "network": {"private": ["127.0.0.0/8"]},
        "tls": {"ca": "authority.pem"},
        "credential": {"secret": "${vault:github.credential.secret}"},
    }
    assert [request.target for request in api.origin.requests] == ["/user"]
    assert "preset github" not in api.place.do("upstream", "list")  # it has an address of its own


def test_a_secret_that_is_not_accepted(api: Api) -> None:
    """Nothing is made, unless nobody asks."""
    wrong = MARKERS.make("a wrong secret")
    code, said = api.place.refused("upstream", "add", "github", *api.here, said=wrong)
    assert (code, said) == (
        1,
        f"exeat: GitHub REST API answers 401 to GET /user: the secret isn't accepted. upstream github {NOT_MADE}\n",
    )
    assert api.place.read("upstream", "list") == []
    assert api.place.read("credential", "list") == []
    api.place.do("upstream", "add", "github", *api.here, "--no-verify", said=wrong)
    assert len(api.origin.requests) == 1


def test_secrets_of_files_and_variables(api: Api) -> None:
    """Each by its name, the main one without."""
    api.place.write("second.txt", f"{SECRET}-2\n")
    MARKERS.add_input(api.place.folder / "second.txt")
    made = api.place.read(
        "upstream", "add", "dd", "--preset", "datadog", *api.here, "--secret-env", "PRESET_SECRET",
        "--secret-file", "application_key=second.txt", "--why", "for the dashboards",
    )  # fmt: skip
    assert made["verified"] == {"accepted": True, "status": 200, "meaning": "the secret is accepted"}
    assert (made["name"], made["preset"], made["revision"]) == ("dd", "datadog", 1)
    assert made["data"]["credential"] == {
        "secret": "${vault:dd.credential.secret}",
        "application_key": "${vault:dd.credential.application_key}",
    }
    assert api.place.read("revision", "list")[0]["why"] == "for the dashboards"
    api.place.do("upstream", "add", "gh", "--preset", "github", *api.here, "--secret-file", "-", said=SECRET)


def test_a_reference_in_the_place_of_a_secret(api: Api) -> None:
    """What is in the vault or a variable already stays there, and is tried all the same."""
    api.place.do("credential", "set", "gh", said=SECRET)
    api.place.do("upstream", "add", "a", "--preset", "github", *api.here, "credential.secret=${vault:gh}")
    api.place.do("upstream", "add", "b", "--preset", "github", *api.here, "credential.secret=${PRESET_SECRET}")
    shown = api.place.read("upstream", "show", "a")["data"]
    assert shown["credential"] == {"secret": "${vault:gh}"}
    code, said = api.place.refused("upstream", "add", "c", "--preset", "github", *api.here, "credential.secret=${GONE}")
    assert (code, said) == (
        2, "exeat: command line: upstreams.c.credential.secret: environment variable GONE is not set\n",
    )  # fmt: skip


def test_what_a_preset_has_to_know(api: Api) -> None:
    """Parameters are written as fields; a person at a terminal is asked for them, and for the secret unseen."""
    code, said = api.place.refused("upstream", "add", "jira", *api.here, said=SECRET)
    assert code == 2
    assert said.endswith("such as ops@example.com) is missing; write it as in with.email=ops@example.com\n")
    api.place.do("upstream", "add", "jira", "with.email=ops@example.com", *api.here, said=SECRET)
    code, seen = talk(
        api.place, "upstream", "add", "jira2", "--preset", "jira", *api.here,
        said=[(r"such as ops@example.com\):", "ops@example.com"), (r"secret \(an API token of the account\):", SECRET)],
    )  # fmt: skip
    assert (code, SECRET in seen) == (0, False), seen
    assert "Jira Cloud REST API answers 200 to GET /rest/api/3/myself: the secret is accepted." in seen


def test_the_lines_of_a_document(api: Api) -> None:
    """A dry run prints them, with references to variables; it calls and changes nothing, and needs no secret."""
    said = api.place.do(
        "upstream", "add", "my-jira", "--preset", "jira", "with.site=acme", "with.email=a@b.c", "--dry-run"
    )
    assert said == (
        "upstreams:\n  my-jira:\n    preset: jira\n    with:\n      site: acme\n      email: a@b.c\n"
        "    credential:\n      secret: ${MY_JIRA_SECRET}\n"
    )
    api.place.write("exeat.yaml", said)
    checked = Place(api.place.folder, {**api.place.env, "MY_JIRA_SECRET": SECRET}).do("check")
    assert checked.startswith("No problems: ")
    written = api.place.read("upstream", "add", "x", "--preset", "github", "credential=none", "--dry-run")
    assert written == {"upstreams": {"x": {"preset": "github", "credential": "none"}}}


REFUSED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "no preset": (("githup",), "there is no preset 'githup'; did you mean 'github'?"),
    "nothing like it": (("x", "--preset", "qqqq"), "there is no preset 'qqqq'; `exeat upstream presets` lists them"),
    "a name that can't be": (("GitHub", "--preset", "github"), "write 'github'"),
    "a secret on the command line": (("github", f"credential.secret={SECRET}"), "doesn't belong on a command line"),
    "no secret at all": (("github",), "secret (a personal access token, fine-grained or classic): standard input"),
    "two secrets": (("datadog",), "2 secrets are missing; say where they are, as in --secret-file secret=FILE"),
    "a file that isn't there": (("github", "--secret-file", "gone.txt"), "gone.txt: can't be read"),
    "a file without anything": (("github", "--secret-file", "empty.txt"), "empty.txt is empty"),
    "a variable that isn't there": (("github", "--secret-env", "GONE"), "the variable GONE isn't set, or is empty"),
    "another secret": (("github", "--secret-env", "key=PRESET_SECRET"), "asks for no secret 'key'; it asks for secret"),
    "one secret twice": (
        ("github", "--secret-env", "PRESET_SECRET", "--secret-file", "some.txt"),
        "the secret 'secret' is in a file and in a variable; say one of them",
    ),
    "one option twice": (("github", "--secret-file", "a", "--secret-file", "b"), "names the same secret twice"),
    "a field that isn't one": (
        ("github", "--no-verify", "colour=red", "--secret-env", "PRESET_SECRET"),
        "unknown field",
    ),
    "a parameter that isn't one": (
        ("github", "with.site=acme", "--secret-env", "PRESET_SECRET"),
        "command line: upstreams.github.with.site: isn't a parameter of the preset; known are none",
    ),
    "parameters that aren't": (("jira", "with=acme"), "'with' isn't NAME=VALUE; write it as in with.site=acme"),
}


@pytest.mark.parametrize(("arguments", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(place: Place, arguments: tuple[str, ...], said: str) -> None:
    """With what to write in its place; nothing is made."""
    place.write("empty.txt", "\n")
    place.write("some.txt", "text")
    there = Place(place.folder, {**place.env, "PRESET_SECRET": SECRET})
    code, complaint = there.refused("upstream", "add", *arguments)
    assert (code, said in complaint) == (2, True), complaint
    assert there.read("upstream", "list") == []


def test_a_name_that_is_taken(api: Api) -> None:
    """What is there already isn't replaced, and it is said where it is; no secret is asked for."""
    api.place.do("upstream", "add", "github", *api.here, said=SECRET)
    assert api.place.refused("upstream", "add", "github")[1] == (
        "exeat: upstream github is there already, in: database; change it with `exeat upstream set github`\n"
    )
    api.place.write("exeat.yaml", "upstreams: {stripe: {url: 'https://api.stripe.com'}}")
    assert "in: file exeat.yaml:1; change it there" in api.place.refused("upstream", "add", "stripe")[1]


def test_over_the_network(api: Api, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The call is made from here, the upstream where the gateway is; nothing is kept here."""
    made = api.place.read("admin", "token", "create", "--administrator", _administrator(api.place), opens=True)
    token = MARKERS.add("a token", made["token"])
    with socket.create_server(("127.0.0.1", 0)) as listener, served(api.place, listener):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        afar = Place(tmp_path_factory.mktemp("afar"), {"EXEAT_CONTROL_URL": url, "EXEAT_CONTROL_TOKEN": token})
        fields = [field.replace("authority.pem", str(api.place.folder / "authority.pem")) for field in api.here]
        afar.do("upstream", "add", "github", *fields, said=SECRET)
        assert list(afar.folder.iterdir()) == []
    assert api.place.read("credential", "list")[0]["name"] == "github.credential.secret"


def _administrator(place: Place) -> str:
    place.do("admin", "create", "ada", "--role", "administrator", "--no-password")
    return "ada"


def test_the_list_of_presets(place: Place) -> None:
    """All of them with what each needs; one of them with all that it says, and its sources."""
    listed = place.do("upstream", "presets").splitlines()
    assert listed[0].split() == ["NAME", "API", "NEEDS"]
    assert [line.split()[0] for line in listed[1:]] == list(preset_names())
    assert "site, email, secret" in next(line for line in listed if line.startswith("jira"))
    assert {one["name"] for one in place.read("upstream", "presets")} == set(preset_names())
    shown = place.read("upstream", "presets", "jira")
    assert shown["parameters"]["site"] == {"is": "the site's name before .atlassian.net", "example": "acme"}
    assert place.do("upstream", "presets", "jira").startswith("title: Jira Cloud REST API\n")
    assert "did you mean 'jira'?" in place.refused("upstream", "presets", "jir")[1]


def test_an_upstream_of_a_preset_in_the_list(place: Place) -> None:
    """It is listed with its preset, where others have their address."""
    place.do("upstream", "set", "gh", "preset=github", "credential.secret=${GITHUB_TOKEN}")
    assert place.do("upstream", "list").splitlines()[1].split() == ["gh", "database", "preset", "github"]
    assert json.loads(place.do("export", "--json"))["upstreams"]["gh"]["preset"] == "github"


def test_a_place_without_a_database(tmp_path: Path) -> None:
    """It is said so before anything is asked or called."""
    code, said = Place(tmp_path).refused("upstream", "add", "github")
    assert (code, "There is no database" in said) == (1, True)
