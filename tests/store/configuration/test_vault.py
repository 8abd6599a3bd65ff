"""The vault: values sealed for their names, and the secrets that people write into an upstream."""

from collections.abc import Mapping

import pytest
from sqlalchemy import Engine

from exeat.model.secret import Secret
from exeat.model.stored import vault_context
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.configuration.failure import ConflictError, InvalidError, NotFoundError
from exeat.store.configuration.revisions import list_revisions
from exeat.store.configuration.stored import read_revision, read_stored
from exeat.store.configuration.vault import list_secrets
from exeat.vault.seal import Sealer, SealError
from tests.store.configuration.edits import NOW_US, Change
from tests.support.markers import MARKERS


def bearer(secret: str) -> dict[str, object]:
    return {"url": "https://api.github.com", "credential": {"kind": "bearer", "secret": secret}}


def upstreams(engine: Engine) -> Mapping[str, object]:
    found = read_stored(engine).document["upstreams"]
    assert isinstance(found, dict)
    return found


def names(engine: Engine) -> list[str]:
    return [item.name for item in list_secrets(engine)]


def test_a_value_opens_under_its_own_name_alone(engine: Engine, change: Change, sealer: Sealer) -> None:
    """What is sealed for one name can't be put in another's place."""
    value = MARKERS.make("a value of the vault")
    with change() as edit:
        assert edit.set_secret("openai", Secret(value)) == 1
    sealed = read_stored(engine).vault["openai"]
    assert sealer.open(sealed, vault_context("openai")).decode() == value
    with pytest.raises(SealError):
        sealer.open(sealed, vault_context("other"))
    assert value not in repr(list_revisions(engine))


def test_a_version_counts_the_values(engine: Engine, change: Change) -> None:
    """Another value is another version and a revision; the same one again is neither."""
    for value in ("one", "one", "two"):
        with change() as edit:
            edit.set_secret("openai", Secret(value))
    (item,) = list_secrets(engine)
    assert (item.version, item.changed_at, item.changed_by) == (2, NOW_US + 2_000_000, "anna")
    assert read_revision(engine) == 2
    with change() as edit:
        edit.remove_secret("openai")
        edit.set_secret("openai", Secret("three"))
        assert [tuple(one) for one in edit.changes] == [
            ("credential", "openai", "update", {"version": 2}, {"version": 3})
        ]


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a/b", "a" * 129])
def test_a_name_is_one_that_a_reference_can_hold(change: Change, name: str) -> None:
    """Names that aren't lower-case words with dots, dashes and underscores are refused."""
    with change() as edit, pytest.raises(InvalidError):
        edit.set_secret(name, Secret("x"))


def test_what_is_used_stays(change: Change) -> None:
    """A value can't be removed while an object refers to it, and the refusal names the object."""
    with change() as edit:
        edit.set_secret("git_hub", Secret("x"))
        edit.put("upstream", "github", bearer("${vault:git_hub}"))
        edit.put("upstream", "escaped", {"prefix": "$${vault:git_hub}"})
        edit.put("upstream", "other", bearer("${vault:git-hub}"))
        with pytest.raises(ConflictError, match=r"used by upstream/github\.$"):
            edit.remove_secret("git_hub")
        edit.remove("upstream", "github")
        edit.remove_secret("git_hub")
        with pytest.raises(NotFoundError):
            edit.remove_secret("git_hub")


def test_written_secrets_are_sealed(engine: Engine, change: Change, sealer: Sealer) -> None:
    """A literal in any secret's field goes into the vault; the object and the revision refer to it."""
    made = {field: MARKERS.make(f"a literal {field}") for field in ("user", "password", "pem")}
    credential = {"kind": "basic", "username": made["user"], "password": made["password"], "deep": [{"secret": "$${"}]}
    with change() as edit:
        edit.put("upstream", "github", {"credential": credential, "tls": {"key": made["pem"], "ca": "ca.pem"}})
    assert upstreams(engine)["github"] == {
        "credential": {
            "kind": "basic",
            "username": "${vault:github.credential.username}",
            "password": "${vault:github.credential.password}",
            "deep": [{"secret": "${vault:github.credential.deep.0.secret}"}],
        },
        "tls": {"key": "${vault:github.tls.key}", "ca": "ca.pem"},
    }
    opened = {
        name: sealer.open(sealed, vault_context(name)).decode() for name, sealed in read_stored(engine).vault.items()
    }
    assert opened == {
        "github.credential.username": made["user"],
        "github.credential.password": made["password"],
        "github.credential.deep.0.secret": "${",
        "github.tls.key": made["pem"],
    }
    shown = repr(list_revisions(engine))
    assert not [value for value in made.values() if value in shown]


@pytest.mark.parametrize("written", ["${TOKEN}", "${file:/run/secrets/x}", "${vault:openai}", ""])
def test_references_stay_as_they_are(engine: Engine, change: Change, written: str) -> None:
    """A reference alone, and an empty text, are no secrets."""
    with change() as edit:
        edit.put("upstream", "github", bearer(written))
    assert (upstreams(engine), names(engine)) == ({"github": bearer(written)}, [])


@pytest.mark.parametrize("written", ["Token ${TOKEN}", "${A}${B}", "${TOKEN", "$${a${TOKEN}"])
def test_a_reference_beside_text_is_refused(change: Change, written: str) -> None:
    """In the vault it would be text, and in the object a part of a secret in the clear."""
    with change() as edit, pytest.raises(InvalidError, match=r"upstreams\.github\.credential\.secret mixes"):
        edit.put("upstream", "github", bearer(written))


def test_the_same_literal_again_is_no_change(engine: Engine, change: Change) -> None:
    """Who sends an object again as it was leaves no revision, although its seal would be another."""
    for _ in range(2):
        with change() as edit:
            edit.put("upstream", "github", bearer("x"))
    assert read_revision(engine) == 1


def test_written_secrets_go_with_what_they_were_written_in(engine: Engine, change: Change) -> None:
    """Sealed literals are gone with their upstream, or its reference; others of the vault stay."""
    with change() as edit:
        edit.set_secret("github.credential.spare", Secret("x"))
        edit.set_secret("openai", Secret("x"))
        edit.put("upstream", "github", bearer("x"))
        edit.put("upstream", "stripe", bearer("x"))
        edit.put("upstream", "borrower", bearer("${vault:stripe.credential.secret}"))
    with change() as edit:
        edit.put("upstream", "github", bearer("${vault:openai}"))
    assert names(engine) == ["github.credential.spare", "openai", "stripe.credential.secret"]
    with change() as edit:
        edit.remove("upstream", "stripe")
        edit.remove("upstream", "github")
    assert names(engine) == ["github.credential.spare", "openai", "stripe.credential.secret"]
    with change() as edit:
        edit.put("upstream", "stripe", bearer("y"))
        edit.remove("upstream", "borrower")
        edit.remove("upstream", "stripe")
    assert names(engine) == ["github.credential.spare", "openai"]


def test_nothing_secret_is_kept_without_a_seal(engine: Engine) -> None:
    """Where there is no keyring a literal is refused, rather than kept in the clear."""
    with editing(engine, Author("anna"), now_us=NOW_US) as edit, pytest.raises(InvalidError):
        edit.put("upstream", "github", bearer("x"))
    assert read_stored(engine).document == {}


def test_a_value_that_does_not_open_can_be_replaced(engine: Engine, change: Change, sealer: Sealer) -> None:
    """When the keyring has lost the key of a value, a new value mends it."""
    with change() as edit:
        edit.set_secret("openai", Secret("x"))
    foreign = read_stored(engine).vault["openai"]
    with editing(engine, Author("anna"), now_us=NOW_US, sealer=_Lost()) as edit:
        edit.set_secret("openai", Secret("x"))
    assert read_stored(engine).vault["openai"] == b"sealed" != foreign
    with change() as edit:
        edit.set_secret("openai", Secret("x"))
    assert sealer.open(read_stored(engine).vault["openai"], vault_context("openai")) == b"x"


class _Lost:
    """A sealer whose keyring opens nothing."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        del plaintext, context
        return b"sealed"

    def open(self, sealed: bytes, context: bytes) -> bytes:
        del sealed, context
        raise SealError("the keyring lacks the key")
