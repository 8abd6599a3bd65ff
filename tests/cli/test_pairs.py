"""What workers derive from the keyring, each with its own look at it."""

import io
from pathlib import Path

import pytest

from exeat.cli.pairs import LatePairs
from exeat.telemetry.logs import Log
from exeat.vault.keyring_file import KEYRING_FILE, rotate_keyring
from exeat.vault.link_secrets import link_secrets_of


class Worker(LatePairs):
    """One worker's, and what it has logged."""

    def __init__(self, folder: Path, setting: str | None = None) -> None:
        self.said = io.StringIO()
        super().__init__(setting, folder, Log("test", out=self.said))


def test_a_keyring_is_made_for_the_first_link(tmp_path: Path) -> None:
    """Links need a keyring, which is made with the first of them; a signature that comes makes none."""
    one, other = Worker(tmp_path), Worker(tmp_path)
    assert one.secrets_of("id") == ()
    assert not (tmp_path / KEYRING_FILE).exists()
    (secret,) = one.link_secrets()
    assert other.link_secrets() == (secret,)
    assert (tmp_path / KEYRING_FILE).exists()


def test_between_a_rotation_and_the_restart(tmp_path: Path) -> None:
    """A worker that looks at the keyring late may know a newer one than the others, who find it when they need it."""
    early, late = Worker(tmp_path), Worker(tmp_path)
    before = early.link_secrets()
    rotated = link_secrets_of(rotate_keyring(tmp_path))
    assert late.link_secrets() == rotated
    assert early.link_secrets() == before
    assert early.fresh_link_secrets() == rotated == early.link_secrets()


def test_a_keyring_that_is_gone(tmp_path: Path) -> None:
    """Who has read a keyring goes on with it; who can't read it says so once, and signs nothing."""
    worker, other = Worker(tmp_path), Worker(tmp_path)
    secrets = worker.link_secrets()
    (tmp_path / KEYRING_FILE).chmod(0o644)
    assert worker.fresh_link_secrets() == secrets
    assert [other.link_secrets(), other.link_secrets(), other.fresh_link_secrets()] == [(), (), ()]
    assert other.said.getvalue().count("links can't be signed") == 1
    assert "chmod 600" in other.said.getvalue()


@pytest.mark.parametrize("make", [LatePairs.link_secrets, LatePairs.fresh_link_secrets])
def test_a_keyring_of_its_own_setting(tmp_path: Path, make: object) -> None:
    """Keys in the setting count, and no file is made."""
    worker = Worker(tmp_path, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
    assert callable(make)
    assert len(make(worker)) == 1
    assert not list(tmp_path.iterdir())
