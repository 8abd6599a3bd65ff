"""The database as a source of the document: its objects, its keys, and what its vault holds."""

import os
from pathlib import Path

import pytest

from exeat.config.kept import KEPT_FILE, keep_stored, parse_stored, read_kept, render_stored
from exeat.config.problem import DocumentError
from exeat.model.by_hand import ByHand
from exeat.model.stored import NOTHING, Stored, StoredKey, vault_context
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.keyring_file import open_keyring
from exeat.vault.seal import Sealer, SealError
from tests.config.conftest import Desk

UPSTREAM = {"url": "https://api.example.com", "credential": {"kind": "bearer", "secret": "${vault:api}"}}
DIGEST = "ab" * 32


def seal(desk: Desk, **values: str) -> dict[str, bytes]:
    """Values as the vault of this desk's data directory holds them."""
    sealer = Sealer(open_keyring(None, desk.folder, desk.folder / "exeat-data"))
    return {name: sealer.seal(value.encode(), vault_context(name)) for name, value in values.items()}


def test_merged(desk: Desk) -> None:
    """Objects of the database stand beside those of the file, and each says where it comes from."""
    desk.stored = Stored(
        revision=3,
        document={"upstreams": {"api": UPSTREAM}, "destinations": ["b.example"]},
        vault=seal(desk, api="s3cr3t-value"),
    )
    snapshot = desk.load("upstreams: {own: {url: 'https://own.example'}}\ndestinations: [a.example]\n").snapshot
    sources = {name.decode(): upstream.source for name, upstream in snapshot.upstreams.items()}
    assert sources == {"own": "file exeat.yaml:1", "api": "database"}
    assert {name: found[0].source for name, found in snapshot.exact.items()} == {
        "a.example": "file exeat.yaml:2",
        "b.example": "database",
    }
    credential = snapshot.upstreams[b"api"].credential
    assert credential is not None
    assert credential.lines is not None
    assert credential.lines.octets == b"Authorization: Bearer s3cr3t-value\r\n"


def test_one_name_in_both(desk: Desk) -> None:
    """A name is written in one source: the problem names both places."""
    desk.stored = Stored(revision=1, document={"upstreams": {"own": {"url": "https://b.example"}}})
    (problem,) = desk.problems("upstreams: {own: {url: 'https://own.example'}}\n")
    assert problem.startswith("database: upstreams.own: is also in exeat.yaml:1")


def test_keys_of_any_consumer(desk: Desk) -> None:
    """A key of the database opens for its consumer, whichever source that comes from."""
    desk.stored = Stored(
        revision=1,
        document={"consumers": {"there": {"grants": []}}},
        keys=(
            StoredKey("aaaaaaaaaaaa", "01" * 32, "here"),
            StoredKey("bbbbbbbbbbbb", "02" * 32, "there", expires_at=1.5, networks=("10.0.0.0/8",)),
            StoredKey("cccccccccccc", "03" * 32, "there", revoked=True),
        ),
    )
    keys = desk.load(f"consumers: {{here: {{keys: [{{sha256: {DIGEST}}}]}}}}\n").snapshot.keys
    found = {key.id: (key.consumer.name, key.expires_at, key.revoked, len(key.networks)) for key in keys.values()}
    assert found == {
        "abababababab": ("here", None, False, 0),
        "aaaaaaaaaaaa": ("here", None, False, 0),
        "bbbbbbbbbbbb": ("there", 1.5, False, 1),
        "cccccccccccc": ("there", None, True, 0),
    }


def test_keys_without_a_consumer(desk: Desk) -> None:
    """A key whose consumer is gone opens nothing, and that is said; a revoked one isn't worth a word."""
    desk.stored = Stored(
        revision=1,
        keys=(StoredKey("aaaaaaaaaaaa", DIGEST, "gone"), StoredKey("bbbbbbbbbbbb", "01" * 32, "old", revoked=True)),
    )
    loaded = desk.load("destinations: [a.com]\n")
    assert not loaded.snapshot.keys
    assert [str(warning) for warning in loaded.warnings] == [
        "database: there are keys of consumer 'gone', which is nowhere written; they open nothing"
    ]


def test_vault_from_the_file(desk: Desk) -> None:
    """The file may refer to the vault too; what it holds is never shown."""
    desk.stored = Stored(vault=seal(desk, token="s3cr3t-value"))
    loaded = desk.load("upstreams: {a: {url: 'https://a.com', credential: {kind: bearer, secret: '${vault:token}'}}}\n")
    assert loaded.snapshot.upstreams[b"a"].credential is not None
    assert "s3cr3t-value" not in str(loaded.document)
    assert "${vault:token}" in str(loaded.document)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (lambda _: {}, "the vault has no 'api'"),
        (lambda desk: seal(desk, app="x"), "the vault has no 'api'; did you mean 'app'?"),
        (lambda desk: {"api": seal(desk, other="x")["other"]}, "stands in another place"),
        (lambda _: {"api": Sealer(Keyring(MasterKey.make())).seal(b"x", vault_context("api"))}, "no keyring"),
    ],
)
def test_vault_that_does_not_open(desk: Desk, stored: object, words: str) -> None:
    """A value that the vault hasn't, or that doesn't open, refuses the document with the reason."""
    assert callable(stored)
    desk.stored = Stored(revision=1, document={"upstreams": {"api": UPSTREAM}}, vault=stored(desk))
    with pytest.raises(DocumentError) as raised:
        desk.load("\n")
    assert words in str(raised.value)
    assert "upstreams.api.credential.secret" in str(raised.value)


def test_kept(tmp_path: Path) -> None:
    """What is kept for a start without the database comes back as it was; nothing of it can be read in the file."""
    sealer = Sealer(Keyring(MasterKey.make()))
    stored = Stored(
        revision=7,
        document={"upstreams": {"api": UPSTREAM}},
        keys=(StoredKey("aaaaaaaaaaaa", DIGEST, "here", 1.5, revoked=True, networks=("10.0.0.0/8",)),),
        vault={"api": os.urandom(40)},
        endpoints=(ByHand("api", "https://api.example", "drained", None, 1.5, "ada", "a new disk", 3),),
    )
    assert read_kept(sealer, tmp_path) is None
    keep_stored(stored, sealer, tmp_path)
    assert read_kept(sealer, tmp_path) == stored
    assert parse_stored(render_stored(NOTHING)) == NOTHING
    written = (tmp_path / KEPT_FILE).read_bytes()
    assert DIGEST.encode() not in written
    assert (tmp_path / KEPT_FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(SealError):
        read_kept(Sealer(Keyring(MasterKey.make())), tmp_path)
