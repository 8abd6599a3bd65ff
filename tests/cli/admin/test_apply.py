"""`exeat apply`, `export` and `revision`: whole documents, what they change, and the way back."""

import pytest

from tests.cli.admin.place import Place
from tests.support.markers import MARKERS

DOCUMENT = """\
upstreams:
  github:
    url: https://api.github.com
    credential: {kind: bearer, secret: "${GITHUB_TOKEN}"}
destinations: [api.example.com]
consumers:
  web:
    grants: [github]
"""
FAULTY = """\
upstreams:
  github:
    url: https://api.github.com
  billing:
    url: ftp://billing.example.com
consumers:
  web:
    grants: [githup]
"""


@pytest.fixture
def applied(place: Place) -> Place:
    """A place whose database holds the document."""
    place.write("wanted.yaml", DOCUMENT)
    place.do("apply", "wanted.yaml", "--yes", "--why", "the first")
    return place


def test_what_changes_is_shown_and_made(anywhere: Place) -> None:
    """Every object that comes is shown with its lines; the database then holds the document."""
    anywhere.write("wanted.yaml", DOCUMENT)
    shown = anywhere.do("apply", "wanted.yaml", "--yes")
    assert "+ create upstream github\n  + url: https://api.github.com\n" in shown
    assert "+ create consumer web\n" in shown
    assert shown.endswith("3 changes made: revision 1.\n")
    assert "\x1b" not in shown
    assert anywhere.read("export")["consumers"] == {"web": {"grants": ["github"]}}


def test_what_is_there_is_nothing_to_change(applied: Place) -> None:
    """The same document again, or what `export` prints, changes nothing and makes no revision."""
    assert applied.do("apply", "wanted.yaml", "--yes") == "There is nothing to change.\n"
    applied.write("exported.yaml", applied.do("export"))
    assert applied.do("apply", "exported.yaml") == "There is nothing to change.\n"
    assert [one["number"] for one in applied.read("revision", "list")] == [1]


def test_a_dry_run_changes_nothing(place: Place) -> None:
    """With --dry-run the difference is shown, and that is all."""
    place.write("wanted.yaml", DOCUMENT)
    assert place.do("apply", "wanted.yaml", "--dry-run").endswith("3 changes to make; nothing was changed.\n")
    assert place.read("export") == {}
    assert place.read("revision", "list") == []
    assert not (place.folder / "exeat-data" / "journal" / "cli").exists()


def test_without_a_terminal_it_needs_yes(place: Place) -> None:
    """Where nobody can be asked nothing is changed, and the answer says what to write."""
    place.write("wanted.yaml", DOCUMENT)
    done = place.run("apply", "wanted.yaml", said="y\n")
    assert (done.returncode, "say --yes" in done.stderr) == (2, True)
    assert place.read("export") == {}


def test_problems_have_their_lines(place: Place) -> None:
    """Everything that is wrong is named at once, with the file and line where it is written; nothing is changed."""
    place.write("wanted.yaml", FAULTY)
    code, said = place.refused("apply", "wanted.yaml", "--yes")
    assert code == 2
    assert "exeat: wanted.yaml:5: upstreams.billing.url: " in said
    assert "exeat: wanted.yaml:8: consumers.web.grants" in said
    assert said.endswith("exeat: 2 problems\n")
    done = place.run("apply", "wanted.yaml", "--yes", "--json")
    assert (done.returncode, '"ok": false' in done.stdout) == (2, True)
    assert place.read("export") == {}


def test_what_cannot_be_read_is_not_sent(place: Place) -> None:
    """A file that isn't YAML, or isn't there, is said with its place."""
    place.write("wanted.yaml", "upstreams:\n  a: {url: x\n")
    assert place.refused("apply", "wanted.yaml")[1].startswith("exeat: wanted.yaml:")
    assert place.refused("apply", "missing.yaml") == (
        2,
        "exeat: missing.yaml: can't be read: No such file or directory\n",
    )


@pytest.mark.parametrize("option", ["-f", "--file"])
def test_the_document_by_option(place: Place, option: str) -> None:
    """The document may be written as an option as well; standard input is `-` there too."""
    place.write("wanted.yaml", DOCUMENT)
    assert place.do("apply", option, "wanted.yaml", "--yes").endswith("3 changes made: revision 1.\n")
    assert place.do("apply", option, "-", "--yes", said=DOCUMENT) == "There is nothing to change.\n"
    done = place.run("apply", option, "-", said="{}")
    assert (done.returncode, "say --yes" in done.stderr) == (2, True)


@pytest.mark.parametrize("written", [(), ("wanted.yaml", "-f", "wanted.yaml"), ("-", "-f", "-")])
def test_one_document_alone(place: Place, written: tuple[str, ...]) -> None:
    """No document, or two, is refused with what to write."""
    place.write("wanted.yaml", DOCUMENT)
    code, said = place.refused("apply", *written, "--yes")
    assert (code, "write `exeat apply -f FILE`" in said) == (2, True)
    assert place.read("export") == {}


def test_what_is_not_named_goes(applied: Place) -> None:
    """An object that the document doesn't name is removed, unless it is told not to prune."""
    applied.write("less.yaml", "upstreams: {github: {url: 'https://api.github.com'}}\n")
    kept = applied.do("apply", "less.yaml", "--no-prune", "--dry-run")
    assert "delete" not in kept
    shown = applied.do("apply", "-", "--yes", said=(applied.folder / "less.yaml").read_text())
    assert "- delete consumer web\n" in shown
    assert "- credential:" in shown
    assert applied.read("export") == {"upstreams": {"github": {"url": "https://api.github.com"}}}


def test_a_literal_secret_goes_into_the_vault(place: Place) -> None:
    """A secret that a document has in the clear is sealed, and neither shown nor exported."""
    secret = MARKERS.make("a literal secret")
    MARKERS.add_input(place.folder / "wanted.yaml")
    place.write("wanted.yaml", DOCUMENT.replace("${GITHUB_TOKEN}", secret))
    assert "${vault:github.credential.secret}" in place.do("apply", "wanted.yaml", "--yes")
    assert "${vault:github.credential.secret}" in place.do("export")
    assert MARKERS.leaks_below(place.folder) == []


def test_revisions_and_the_way_back(applied: Place) -> None:
    """Revisions are listed newest first with who and why; a rollback shows what it changes and has its own number."""
    applied.do("upstream", "set", "github", "url=https://github.example.com")
    numbers = [(one["number"], one["why"]) for one in applied.read("revision", "list")]
    assert numbers == [(2, ""), (1, "the first")]
    assert applied.read("revision", "show", "2")["who"].startswith("cli:")
    shown = applied.do("revision", "show", "2")
    assert "  - url: https://api.github.com\n  + url: https://github.example.com\n" in shown
    done = applied.do("revision", "rollback", "1", "--yes")
    assert "  + url: https://api.github.com\n" in done
    assert done.endswith("revision 3 is as revision 1 was.\n")
    assert "the first" in applied.do("revision", "list")
    assert applied.refused("revision", "rollback", "17", "--yes")[0] == 2


def test_file_and_environment_in_an_export(applied: Place) -> None:
    """`export` has what the database holds; with --all also what the file says."""
    applied.write("exeat.yaml", "upstreams: {stripe: {url: 'https://api.stripe.com'}}\n")
    assert list(applied.read("export")["upstreams"]) == ["github"]
    assert sorted(applied.read("export", "--all")["upstreams"]) == ["github", "stripe"]


def test_the_document_of_the_gateway_itself(place: Place) -> None:
    """The file that is in force anyway isn't applied: the names would be there twice."""
    place.write("exeat.yaml", DOCUMENT)
    code, said = place.refused("apply", "exeat.yaml", "--yes")
    assert (code, "is in force without being applied" in said) == (2, True)
