"""Where the keyring comes from: made once, whole, for its owner alone, and never lost."""

import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from exeat.model.secret import Secret
from exeat.vault.keyring import Keyring, KeyringError, parse_keyring
from exeat.vault.keyring_file import KEYRING_FILE, open_keyring, read_keyring, rotate_keyring
from tests.support.gateway import environment
from tests.vault.keys import key, keyring, write_keyring

A, B = key("a"), key("b")
PROCESSES = 8
OPEN_WHEN_TOLD = """
import sys
from pathlib import Path
from exeat.vault.keyring_file import open_keyring, rotate_keyring
print("ready", flush=True)
sys.stdin.readline()
folder = Path(sys.argv[2])
print(open_keyring(None, folder, folder) if sys.argv[1] == "open" else rotate_keyring(folder))
"""


def from_folder(folder: Path) -> Keyring:
    return open_keyring(None, folder, folder)


def fault(folder: Path, setting: str | None = None) -> str:
    with pytest.raises(KeyringError) as caught:
        read_keyring(None if setting is None else Secret(setting), folder, folder)
    return str(caught.value)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def at_once(what: str, folder: Path) -> list[str]:
    """What several processes say that open, or rotate, the keyring of a folder at the same moment."""
    command = [sys.executable, "-c", OPEN_WHEN_TOLD, what, str(folder)]
    started = [
        subprocess.Popen(command, env=environment({}), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.communicate(timeout=30)[0] for each in started]
    assert [each.returncode for each in started] == [0] * PROCESSES
    return said


# The file in the data directory


def test_it_is_made_on_first_use(tmp_path: Path) -> None:
    """The first use makes folder and file, for their owner alone; the next one finds the same key."""
    folder = tmp_path / "data"
    made = from_folder(folder)
    assert len(made.keys) == 1
    assert (mode_of(folder), mode_of(folder / KEYRING_FILE)) == (0o700, 0o600)
    assert from_folder(folder).keys == made.keys
    assert [entry.name for entry in folder.iterdir()] == [KEYRING_FILE]


def test_the_umask_opens_nothing(tmp_path: Path) -> None:
    """Whatever the umask, the file is its owner's."""
    before = os.umask(0)
    try:
        from_folder(tmp_path / "data")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "data" / KEYRING_FILE) == 0o600


def test_reading_makes_nothing(tmp_path: Path) -> None:
    """Whoever only looks makes no keyring."""
    assert fault(tmp_path).startswith(f"There is no keyring in {tmp_path} yet")
    with pytest.raises(KeyringError, match="There is no keyring"):
        rotate_keyring(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_processes_that_start_at_once_have_one_keyring(tmp_path: Path) -> None:
    """Of processes that make the keyring at the same moment, all end with the same one."""
    said = at_once("open", tmp_path)
    assert set(said) == {f"{from_folder(tmp_path)}\n"}
    assert [entry.name for entry in tmp_path.iterdir()] == [KEYRING_FILE]


def test_threads_that_start_at_once_have_one_keyring(tmp_path: Path) -> None:
    """The same a hundred times over, as close together as threads come."""
    barrier = Barrier(4)

    def use(folder: Path) -> Keyring:
        barrier.wait()
        return from_folder(folder)

    with ThreadPoolExecutor(4) as pool:
        for turn in range(100):
            found = list(pool.map(use, [tmp_path / str(turn)] * 4))
            assert {each.keys for each in found} == {from_folder(tmp_path / str(turn)).keys}


def test_what_a_crash_left_is_no_keyring(tmp_path: Path) -> None:
    """A process that ended in the middle of making the file leaves nothing that is taken for it."""
    (tmp_path / f".{KEYRING_FILE}-0011223344556677").write_text("half a k")
    assert len(from_folder(tmp_path).keys) == 1


# What isn't used


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o602, 0o644, 0o777, 0o610])
def test_a_file_that_others_may_open(tmp_path: Path, mode: int) -> None:
    """A keyring that isn't its owner's alone isn't used, whoever runs Exeat, and the sentence says what to run."""
    file = write_keyring(tmp_path / KEYRING_FILE, A.reveal(), mode)
    for _ in range(2):
        expected = f"{file} is open to others than its owner (mode {mode:04o}); run: chmod 600 {file}"
        assert fault(tmp_path) == expected
        with pytest.raises(KeyringError, match="open to others"):
            from_folder(tmp_path)
        with pytest.raises(KeyringError, match="open to others"):
            rotate_keyring(tmp_path)
    assert file.read_text() == A.reveal()


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_its_owner(tmp_path: Path, mode: int) -> None:
    """What only its owner may open is used."""
    write_keyring(tmp_path / KEYRING_FILE, A.reveal(), mode)
    assert from_folder(tmp_path).keys == (A,)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{A.reveal()}\nx{B.reveal()}\n", "line 2 isn't a master key"),
        (f"{A.reveal()}\n\n{A.reveal()}\n", "line 3 holds the same key as line 1"),
        ("# all gone\n", "holds no key"),
        ("", "holds no key"),
    ],
)
def test_a_damaged_file_is_never_replaced(tmp_path: Path, text: str, sentence: str) -> None:
    """A file that can't be read is an error that names file and line; it stays as it is."""
    file = write_keyring(tmp_path / KEYRING_FILE, text)
    for use in (from_folder, rotate_keyring):
        with pytest.raises(KeyringError) as caught:
            use(tmp_path)
        assert str(caught.value).startswith(f"{file}: {sentence}")
        assert B.reveal() not in str(caught.value)
    assert file.read_text() == text


def test_what_is_no_text_file(tmp_path: Path) -> None:
    """Other bytes, a folder, a socket, a pipe, a link to nowhere, a file without end: one sentence each."""
    file = tmp_path / KEYRING_FILE
    file.write_bytes(b"\xff\xfe")
    file.chmod(0o600)
    assert "isn't UTF-8 text" in fault(tmp_path)
    file.write_bytes(bytes(70_000))
    assert "larger than 64 KiB" in fault(tmp_path)
    file.unlink()
    file.mkdir(0o700)
    assert "isn't a file" in fault(tmp_path)
    file.rmdir()
    os.mkfifo(file, 0o600)
    assert "isn't a file" in fault(tmp_path)
    file.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(file))
        assert "can't be opened" in fault(tmp_path)
    file.unlink()
    file.symlink_to("nowhere")
    assert "can't be opened: No such file or directory" in fault(tmp_path)
    with pytest.raises(KeyringError):
        from_folder(tmp_path)


def test_a_folder_that_can_not_be(tmp_path: Path) -> None:
    """Where no folder can be made, the sentence says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyringError, match=r"can't be made: (Not a directory|File exists)"):
        from_folder(tmp_path / "file" / "data")


# The setting


def test_keys_in_the_setting(tmp_path: Path) -> None:
    """Keys in EXEAT_KEYRING are the keyring; no file is looked at or made."""
    write_keyring(tmp_path / KEYRING_FILE, "damaged")
    assert open_keyring(Secret(f"{B.reveal()},{A.reveal()}"), tmp_path, tmp_path).keys == (B, A)
    assert open_keyring(Secret(A.reveal()), tmp_path, tmp_path / "data").keys == (A,)
    assert not (tmp_path / "data").exists()
    assert fault(tmp_path, f"{A.reveal()},{A.reveal()}").startswith("EXEAT_KEYRING: key 2 holds the same key as key 1")


def test_a_file_in_the_setting(tmp_path: Path) -> None:
    """`file:PATH` is read, from the working directory on if it is relative, and never made."""
    file = write_keyring(tmp_path / "secrets" / "ring", f"# ours\n{B.reveal()}\n{A.reveal()}\n")
    for written in (f"file:{file}", "file:secrets/ring"):
        assert open_keyring(Secret(written), tmp_path, tmp_path / "data").keys == (B, A)
    with pytest.raises(KeyringError, match="can't be opened: No such file"):
        open_keyring(Secret("file:nowhere"), tmp_path, tmp_path / "data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["secrets"]
    file.chmod(0o440)
    assert "chmod 600" in fault(tmp_path, "file:secrets/ring")


# Rotation


def test_a_new_key_comes_in_front(tmp_path: Path) -> None:
    """Rotation puts a new key in front of all others, time and again, and tells what the file then holds."""
    first = from_folder(tmp_path)
    second = rotate_keyring(tmp_path)
    third = rotate_keyring(tmp_path)
    assert second.keys[1:] == first.keys
    assert third.keys[1:] == second.keys
    assert len(set(third.keys)) == 3
    assert from_folder(tmp_path).keys == third.keys
    assert mode_of(tmp_path / KEYRING_FILE) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [KEYRING_FILE]


@pytest.mark.parametrize("text", ["# ours\n\n{}", "{}, {}", ",\r\n{}\r\n# end\r\n{}\r\n", "# {}\n , \n{}  # old"])
def test_the_rest_of_the_file_stays(tmp_path: Path, text: str) -> None:
    """What an operator wrote around the keys is kept to the letter; each new line says the id of its key."""
    written = text.format(A.reveal(), B.reveal()) if text.count("{}") == 2 else text.format(A.reveal())
    file = write_keyring(tmp_path / KEYRING_FILE, written.replace("\r\n", "\n"))
    before = file.read_text()
    keys = parse_keyring(before).keys
    rotated = rotate_keyring(tmp_path)
    line = f"{rotated.sealing.reveal()}  # {rotated.sealing.id}\n"
    assert file.read_text().replace(line, "") == before
    assert from_folder(tmp_path).keys == (rotated.sealing, *keys)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Where the data directory holds a link, the file that it leads to is rotated."""
    target = write_keyring(tmp_path / "elsewhere" / "ring", A.reveal())
    (tmp_path / KEYRING_FILE).symlink_to(target)
    rotated = rotate_keyring(tmp_path)
    assert (tmp_path / KEYRING_FILE).is_symlink()
    assert parse_keyring(target.read_text()).keys == rotated.keys


@pytest.mark.slow
def test_no_key_is_lost_among_those_who_rotate_at_once(tmp_path: Path) -> None:
    """Of processes that rotate at the same moment, each one's key stays in the keyring."""
    first = from_folder(tmp_path)
    said = at_once("rotate", tmp_path)
    found = from_folder(tmp_path)
    assert len(found.keys) == PROCESSES + 1
    assert found.keys[-1] == first.sealing
    for each in said:
        assert each.removeprefix("Keyring(").partition(",")[0] in {made.id for made in found.keys}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    """Root may rotate what the gateway's user has to read afterwards."""
    file = write_keyring(tmp_path / KEYRING_FILE, keyring("a").reveal())
    os.chown(file, 12345, 23456)
    rotate_keyring(tmp_path)
    found = file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 23456, 0o600)
