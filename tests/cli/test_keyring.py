"""`exeat keyring`: ids and never keys, and a new key where Exeat keeps them itself."""

import json
import re
from pathlib import Path

import pytest

from exeat.vault.keyring import MasterKey, parse_keyring
from exeat.vault.keyring_file import open_keyring
from tests.support.gateway import run_exeat
from tests.support.markers import MARKERS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory; the keys in its keyring are looked for in all that is said."""
    MARKERS.add_input(tmp_path / "exeat-data" / "keyring")
    return tmp_path / "exeat-data"


def keys_in(data: Path) -> tuple[MasterKey, ...]:
    found = parse_keyring((data / "keyring").read_text()).keys
    for key in found:
        MARKERS.add(f"master key {key.id}", key.reveal())
    return found


def new_key() -> MasterKey:
    key = MasterKey.make()
    MARKERS.add(f"master key {key.id}", key.reveal())
    return key


def test_ids_are_listed(data: Path) -> None:
    """`list` prints the ids of the keys in their order, the one that seals first, and no key."""
    (key,) = open_keyring(None, data.parent, data).keys
    keys_in(data)
    assert run_exeat("keyring", "list", cwd=data.parent).stdout == f"{key.id}  seals\n"
    assert json.loads(run_exeat("keyring", "list", "--json", cwd=data.parent).stdout) == [{"id": key.id, "seals": True}]


def test_rotating(data: Path) -> None:
    """`rotate` puts a new key in front, says by which ids, and to keep a copy; no key is said."""
    (old,) = open_keyring(None, data.parent, data).keys
    result = run_exeat("keyring", "rotate", cwd=data.parent)
    new, kept = keys_in(data)
    assert (result.returncode, result.stderr, kept) == (0, "", old)
    assert result.stdout.startswith(f"{new.id} seals from the next start")
    assert f"opened by {old.id}" in result.stdout
    assert "Make a new copy of exeat-data/keyring" in result.stdout
    assert new.reveal() not in result.stdout
    assert run_exeat("keyring", "list", cwd=data.parent).stdout == f"{new.id}  seals\n{old.id}  opens\n"
    again = json.loads(run_exeat("keyring", "rotate", "--json", cwd=data.parent).stdout)
    assert [entry["seals"] for entry in again] == [True, False, False]
    assert [entry["id"] for entry in again] == [key.id for key in keys_in(data)]
    assert {entry.name for entry in data.iterdir()} == {"keyring"}


def test_where_there_is_none(data: Path) -> None:
    """Without a keyring both say so, and make nothing: the directory may be the wrong one."""
    for command in ("list", "rotate"):
        result = run_exeat("keyring", command, cwd=data.parent)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == (
            f"exeat: There is no keyring in {data} yet: it is made when something is first sealed\n"
        )
    assert list(data.parent.iterdir()) == []


def test_a_keyring_in_the_environment(data: Path) -> None:
    """Keys of EXEAT_KEYRING are listed, and rotated only where they are kept: the sentence says how."""
    one, two = new_key(), new_key()
    env = {"EXEAT_KEYRING": f"{one.reveal()},{two.reveal()}"}
    assert run_exeat("keyring", "list", cwd=data.parent, env=env).stdout == f"{one.id}  seals\n{two.id}  opens\n"
    result = run_exeat("keyring", "rotate", cwd=data.parent, env=env)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.match(r"exeat: EXEAT_KEYRING holds the keyring, .*put a new key in front.*openssl rand", result.stderr)
    assert not data.exists()


def test_a_file_that_the_environment_names(data: Path) -> None:
    """A file of EXEAT_KEYRING isn't written: whoever provides it would put the old keys over a new one."""
    file, key = data.parent / "ring", new_key()
    MARKERS.add_input(file)
    file.write_text(key.reveal())
    file.chmod(0o600)
    env = {"EXEAT_KEYRING": "file:ring"}
    assert run_exeat("keyring", "list", cwd=data.parent, env=env).stdout == f"{key.id}  seals\n"
    result = run_exeat("keyring", "rotate", cwd=data.parent, env=env)
    assert (result.returncode, result.stdout) == (2, "")
    assert "EXEAT_KEYRING names the file of the keyring, so rotate it there" in result.stderr
    assert file.read_text() == key.reveal()


@pytest.mark.parametrize("command", ["list", "rotate"])
def test_a_keyring_that_can_not_be_used(data: Path, command: str) -> None:
    """What is wrong is one line without a key: of the file, and of the setting."""
    (key,) = open_keyring(None, data.parent, data).keys
    keys_in(data)
    (data / "keyring").chmod(0o644)
    result = run_exeat("keyring", command, cwd=data.parent)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "open to others than its owner (mode 0644); run: chmod 600" in result.stderr
    damaged = MARKERS.add("damaged master key", key.reveal() + "AAAA")
    result = run_exeat("keyring", command, cwd=data.parent, env={"EXEAT_KEYRING": damaged})
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("exeat: EXEAT_KEYRING: key 1 isn't a master key")
