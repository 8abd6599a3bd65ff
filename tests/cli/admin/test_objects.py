"""`exeat upstream`, `consumer`, `destination`, `section`: one object at a time, whichever source it is written in."""

import json

import pytest

from tests.cli.admin.place import Place


def test_the_life_of_an_upstream(anywhere: Place) -> None:
    """It is made from fields, changed by members, shown as it is written, and removed."""
    made = anywhere.do("upstream", "set", "github", "url=https://api.github.com", "hosts=api.github.com,x.example")
    assert made == "upstream github is made: revision 1.\n"
    anywhere.do(
        "upstream", "set", "github", "credential.kind=bearer", "credential.secret=${GITHUB_TOKEN}", "hosts=null"
    )
    shown = anywhere.read("upstream", "show", "github")
    assert shown["data"] == {
        "url": "https://api.github.com",
        "credential": {"kind": "bearer", "secret": "${GITHUB_TOKEN}"},
    }
    assert (shown["source"], shown["revision"]) == ("database", 2)
    assert anywhere.do("upstream", "show", "github").startswith("# upstream github: database, revision 2\nurl: https:")
    assert anywhere.do("upstream", "list").splitlines()[1].split() == ["github", "database", "https://api.github.com"]
    assert anywhere.do("upstream", "remove", "github") == "upstream github is removed.\n"
    assert anywhere.read("upstream", "list") == []


def test_a_file_takes_the_place_of_an_object(place: Place) -> None:
    """With --file all of an object is what the file says."""
    place.do("upstream", "set", "a", "url=https://a.example", "plaintext=false")
    place.write("a.yaml", "url: https://b.example\n")
    assert place.do("upstream", "set", "a", "--file", "a.yaml") == "upstream a is changed: revision 2.\n"
    assert place.read("upstream", "show", "a")["data"] == {"url": "https://b.example"}
    place.do("upstream", "set", "a", "--file", "-", said=json.dumps({"url": "https://c.example"}))
    assert place.read("upstream", "show", "a")["data"] == {"url": "https://c.example"}


def test_destinations_and_consumers(place: Place) -> None:
    """A destination needs its host alone; a consumer's grants are checked against what there is."""
    place.do("destination", "set", "*.example.org")
    place.do("destination", "set", "partner.example.net:8443", "private=10.1.0.0/16")
    assert place.do("destination", "set", "*.example.org") == "destination *.example.org is there already.\n"
    assert [one["name"] for one in place.read("destination", "list")] == ["*.example.org", "partner.example.net:8443"]
    place.do("consumer", "set", "web", "grants=destinations")
    code, said = place.refused("consumer", "set", "web", "grants=githup")
    assert (code, "githup" in said) == (2, True)
    place.do("consumer", "remove", "web")
    place.do("destination", "remove", "*.example.org")
    assert [one["name"] for one in place.read("destination", "list")] == ["partner.example.net:8443"]


def test_sections(place: Place) -> None:
    """The sections of a document are objects too."""
    place.do("section", "set", "cors", "origins=https://app.example.com")
    assert place.read("section", "show", "cors")["data"] == {"origins": ["https://app.example.com"]}


def test_what_a_file_says_is_read_only(place: Place) -> None:
    """An object of the document is listed with its place, and can't be changed here."""
    place.write("exeat.yaml", "upstreams:\n  github:\n    url: https://api.github.com\n")
    (listed,) = place.read("upstream", "list")
    assert (listed["source"], listed["read_only"]) == ("file exeat.yaml:2", True)
    for arguments in (("set", "github", "url=https://x.example"), ("remove", "github")):
        assert place.refused("upstream", *arguments) == (
            2,
            "exeat: 'github' is written in: file exeat.yaml:2; change it there\n",
        )


def test_a_name_that_is_not_there(place: Place) -> None:
    """The nearest name is suggested."""
    place.do("upstream", "set", "github", "url=https://api.github.com")
    for command in ("show", "remove"):
        code, said = place.refused("upstream", command, "githup")
        assert code == 2
        assert said == "exeat: There is no upstream 'githup'; did you mean 'github'? (not-found)\n"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ((), "nothing to set"),
        (("url",), "isn't FIELD=VALUE"),
        (("credential.kind=bearer", "credential.secret=hunter2hunter2"), "doesn't belong on a command line"),
        (("credential={kind: bearer, secret: hunter2hunter2}",), "doesn't belong on a command line"),
        (("tls.key=hunter2hunter2",), "doesn't belong on a command line"),
        (("tls.ca=a", "tls.ca=b"), "contradicts another field"),
        (("tls=a", "tls.ca=b"), "contradicts another field"),
        (("endpoints=[",), "endpoints: "),
        (("urll=https://a.example",), "did you mean 'url'?"),
        (("url=https://a.example", "--file", "a.yaml"), "not both"),
    ],
)
def test_fields_that_cannot_be(fields: tuple[str, ...], complaint: str, place: Place) -> None:
    """What is written wrongly is said, a secret isn't repeated, and nothing is changed."""
    code, said = place.refused("upstream", "set", "a", *fields)
    assert (code, complaint in said) == (2, True), said
    assert "hunter2" not in said
    assert not (place.folder / "exeat-data" / "journal").exists()
