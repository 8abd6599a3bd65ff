"""`exeat key aws` and `key create --aws`: the pair with which clients of AWS sign for a key."""

import json
import subprocess
from pathlib import Path

import pytest

from exeat.vault.aws_pair import make_pair
from exeat.vault.keyring_file import read_keyring
from tests.support.gateway import make_key, run_exeat
from tests.support.markers import MARKERS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to run commands in; its keyring is where master keys may stand."""
    MARKERS.add_input(tmp_path / "exeat-data" / "keyring")
    return tmp_path


def derived(folder: Path, key_id: str) -> str:
    """The secret that the keyring of a folder gives."""
    return make_pair(read_keyring(None, folder, folder / "exeat-data"), key_id).secret.reveal()


def shown(folder: Path, *arguments: str) -> dict[str, str]:
    """The pair that a command prints as lines for an environment."""
    done: subprocess.CompletedProcess[str] = run_exeat("key", "aws", *arguments, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_a_key_and_its_id_have_one_pair(folder: Path) -> None:
    """The key, or its id alone, gives the pair; without a keyring one is made, as the gateway would."""
    key = make_key().key
    pair = shown(folder, key)
    assert pair == shown(folder, key[6:18])
    assert set(pair) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert pair["AWS_SECRET_ACCESS_KEY"] == derived(folder, key[6:18])
    as_json = json.loads(run_exeat("key", "aws", key, "--json", cwd=folder).stdout)
    assert as_json == {
        "access_key_id": pair["AWS_ACCESS_KEY_ID"],
        "secret_access_key": pair["AWS_SECRET_ACCESS_KEY"],
    }


@pytest.mark.parametrize("key", ["not-an-id", "exeat_short", "exeat_" + "K" * 12 + "_" + "K" * 38])
def test_what_is_no_key(folder: Path, key: str) -> None:
    """A mistyped key is told from one that isn't."""
    done = run_exeat("key", "aws", key, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "neither a key" in done.stderr
    assert not (folder / "exeat-data").exists()


def test_elsewhere_there_is_no_keyring(folder: Path) -> None:
    """Beside another database, or away from the gateway, no keyring is made that its gateways don't know."""
    url = f"sqlite:///{folder / 'other.db'}"
    done = run_exeat("key", "aws", "abc", cwd=folder, env={"EXEAT_DATABASE_URL": url})
    assert "EXEAT_KEYRING" in done.stderr
    remote = {"EXEAT_CONTROL_URL": "https://gateway.test", "EXEAT_CONTROL_TOKEN": "a-token-of-an-administrator" * 2}
    away = run_exeat("key", "aws", "abc", cwd=folder, env=remote)
    assert "run the command where the gateway runs" in away.stderr.replace("\n", " ")
    assert (done.returncode, away.returncode) != (0, 0)
    assert not (folder / "exeat-data").exists()


def test_a_new_key_with_its_pair(folder: Path) -> None:
    """`--aws` prints the pair beside the key, for a person and as JSON."""
    made = json.loads(run_exeat("key", "create", "--aws", "--json", cwd=folder).stdout)
    MARKERS.add_key(made["key"])
    assert made["aws"] == {"access_key_id": f"EXEAT{made['id']}", "secret_access_key": derived(folder, made["id"])}
    text = run_exeat("key", "create", "web", "--aws", cwd=folder).stdout
    MARKERS.add_key(text.partition("\n")[0])
    key_id = text[6:18]
    assert f"AWS_ACCESS_KEY_ID=EXEAT{key_id}\nAWS_SECRET_ACCESS_KEY={derived(folder, key_id)}\n" in text
