"""`exeat key`, `credential` and `admin`: what is shown once, or never."""

import json
from pathlib import Path

import pytest

from exeat.model.key import is_well_formed
from exeat.vault.keyring import MasterKey
from tests.cli.admin.place import Place
from tests.support.gateway import run_exeat
from tests.support.markers import MARKERS
from tests.support.postgres import Postgres

PASSWORD = "correct horse battery"


@pytest.fixture
def known(anywhere: Place) -> Place:
    """A database that knows a consumer."""
    anywhere.do("consumer", "set", "web", "grants=destinations")
    return anywhere


def test_the_life_of_a_key(known: Place) -> None:
    """A key of a consumer that is known is made in the database, shown once, rotated and revoked."""
    said = known.do("key", "create", "web", "--label", "shop", "--expires", "90d", "--network", "10.0.0.0/8")
    key = said.partition("\n")[0]
    assert is_well_formed(key.encode())
    assert "for the document" not in said
    (listed,) = known.read("key", "list")
    assert (listed["consumer"], listed["state"], listed["label"]) == ("web", "active", "shop")
    assert listed["networks"] == ["10.0.0.0/8"]
    assert listed["id"] in key
    new = known.read("key", "rotate", listed["id"], "--grace", "1h", opens=True)
    assert set(new) == {"key", "id", "sha256"}
    assert known.do("key", "revoke", listed["id"]) == f"key {listed['id']} of web is revoked.\n"
    states = {one["id"]: one["state"] for one in known.read("key", "list", "--consumer", "web")}
    assert states == {listed["id"]: "revoked", new["id"]: "active"}
    assert known.refused("key", "revoke", "nonsense")[0] == 2


def test_a_key_with_limits(known: Place) -> None:
    """Limits are written on the command line as in the document, for a key that is kept or printed."""
    limits = ("--limit", "rate: 10/minute, burst: 2", "--limit", "{quota: 50_000/month}")
    known.read("key", "create", "web", *limits, opens=True)
    (listed,) = known.read("key", "list")
    assert listed["limits"] == [{"rate": "10/minute", "burst": 2}, {"quota": "50_000/month"}]
    printed = known.do("key", "create", "web", "--print-only", *limits)
    assert 'limits: [{"rate": "10/minute", "burst": 2}, {"quota": "50_000/month"}]}' in printed
    code, said = known.refused("key", "create", "web", "--limit", "rate: 5/our", "--limit", "5/day", "--limit", "x: [")
    assert code == 2
    assert said.splitlines() == [
        (
            "exeat: --limit: rate: 'our' isn't a time; write second, minute, hour, day or a length as in 10s;"
            " did you mean 'hour'?"
        ),
        "exeat: --limit: '5/day' isn't a limit; write for example 'rate: 100/minute, burst: 20'",
        "exeat: --limit: 'x: [' isn't a limit; write for example 'rate: 100/minute, burst: 20'",
    ]
    code, said = known.refused("key", "create", "web", "--limit", "rate: 9/minute", "--limit", "rate: 5/hour")
    assert (code, "limits[1].rate" in said or "/limits/1/rate" in said) == (2, True)
    assert len(known.read("key", "list")) == 1


def test_a_key_for_the_document(known: Place) -> None:
    """With --print-only, or for a consumer that nobody knows, a key is printed with its lines and not kept."""
    printed = known.do("key", "create", "web", "--print-only", "--expires", "2030-01-01", "--network", "10.0.0.0/8")
    assert 'expires: "2030-01-01", networks: ["10.0.0.0/8"]}' in printed
    done = known.run("key", "create", "wep")
    assert (done.returncode, "consumers:\n  wep:\n" in done.stdout) == (0, True)
    assert done.stderr == (
        "exeat: there is no consumer 'wep' yet, so this key is for the document; did you mean 'web'?\n"
    )
    assert known.read("key", "list") == []


def test_a_key_of_a_consumer_in_a_file(place: Place) -> None:
    """A consumer of the document has keys in the database too; `--json` is the same as for the document."""
    place.write("exeat.yaml", "consumers: {web: {grants: []}}\n")
    made = place.read("key", "create", "web", opens=True)
    assert set(made) == {"key", "id", "sha256"}
    assert [one["id"] for one in place.read("key", "list")] == [made["id"]]


def test_the_life_of_a_credential(anywhere: Place) -> None:
    """A value comes from standard input and never out again; what uses it is listed and keeps it from going."""
    if "EXEAT_DATABASE_URL" in anywhere.env:
        anywhere = anywhere._replace(env={**anywhere.env, "EXEAT_KEYRING": "file:keyring"})
        anywhere.write("keyring", MasterKey.make().reveal() + "\n")
        (anywhere.folder / "keyring").chmod(0o600)
        MARKERS.add_input(anywhere.folder / "keyring")
    secret = MARKERS.make("a credential")
    said = anywhere.do("credential", "set", "github", said=f"{secret}\n")
    assert said == "credential github is set, version 1; refer to it as ${vault:github}.\n"
    anywhere.do(
        "upstream", "set", "github", "url=https://x.example", "credential={kind: bearer, secret: '${vault:github}'}"
    )
    assert (
        anywhere.do("credential", "set", "github", said=secret + "2")
        == "credential github is set, version 2; refer to it as ${vault:github}.\n"
    )
    (listed,) = anywhere.read("credential", "list")
    assert (listed["name"], listed["used_by"]) == ("github", ["upstream/github"])
    code, complaint = anywhere.refused("credential", "remove", "github")
    assert (code, "upstream/github" in complaint) == (2, True)
    anywhere.do("upstream", "remove", "github")
    assert anywhere.do("credential", "remove", "github") == "credential github is removed.\n"
    MARKERS.add_input(anywhere.folder / "exeat-data" / "keyring")
    assert MARKERS.leaks_below(anywhere.folder) == []


def test_no_keyring_is_made_for_a_database_elsewhere(server: Postgres, tmp_path: Path) -> None:
    """Without the keyring of its gateways nothing is sealed for a database: they couldn't open it."""
    place = Place(tmp_path, {"EXEAT_DATABASE_URL": server.make_database()})
    place.do("migrate")
    code, said = place.refused("credential", "set", "github", said="a value that isn't kept")
    assert (code, "set EXEAT_KEYRING" in said) == (1, True)
    assert not (tmp_path / "exeat-data" / "keyring").exists()
    assert place.read("credential", "list") == []


def test_an_empty_value(place: Place) -> None:
    """A credential without a value is refused before anything is sent."""
    assert place.refused("credential", "set", "github", said="\n")[0] == 2


def test_administrators_and_tokens(place: Place) -> None:
    """Administrators are made with a password from standard input; a token is shown once."""
    place.do("admin", "create", "ada", "--role", "administrator", said=PASSWORD + "\n")
    assert place.refused("admin", "create", "ada", said=PASSWORD)[0] == 2
    code, said = place.refused("admin", "create", "bob", said="short")
    assert (code, said) == (2, "exeat: password: has fewer than 12 characters\n")
    place.do("admin", "create", "bob", "--role", "viewer", "--no-password")
    place.do("admin", "password", "bob", said=PASSWORD + "!\n")
    assert [(one["name"], one["role"], one["has_password"]) for one in place.read("admin", "list")] == [
        ("ada", "administrator", True),
        ("bob", "viewer", True),
    ]
    made = place.read("admin", "token", "create", "--administrator", "bob", "--label", "ci", opens=True)
    assert (made["administrator"], made["role"]) == ("bob", "viewer")
    assert made["token"].startswith("exeat_admin_")
    assert place.refused("admin", "token", "create")[0] == 2
    (listed,) = place.read("admin", "token", "list")
    assert (listed["id"], listed["state"], listed["label"]) == (made["id"], "active", "ci")
    place.do("admin", "token", "revoke", made["id"])
    assert [one["state"] for one in place.read("admin", "token", "list")] == ["revoked"]
    place.do("admin", "remove", "bob")
    assert place.refused("admin", "remove", "ada")[0] != 0


def test_changes_are_recorded(place: Place) -> None:
    """What the command line changes is in a journal of its own, which the gateway moves into the trail."""
    place.do("consumer", "set", "web", "grants=destinations")
    journal = place.folder / "exeat-data" / "journal" / "cli"
    written = b"".join(file.read_bytes() for file in sorted(journal.rglob("*")) if file.is_file())
    assert b'"actor":"cli:' in written
    assert b'"object":"consumer/web"' in written


def test_in_a_process_of_its_own(place: Place) -> None:
    """The command is the same in a process of its own, whose standard input is closed."""
    place.do("consumer", "set", "web", "grants=destinations")
    made = json.loads(run_exeat("key", "create", "web", "--json", cwd=place.folder).stdout)
    assert [one["id"] for one in place.read("key", "list")] == [made["id"]]
