"""What a gateway leaves on the disk: a directory that is its own, and held by one gateway at a time."""

import re
from pathlib import Path

import pytest

from exeat.journal.segments import numbers_in
from tests.support.gateway import Gateway, run_exeat

EMPTY = "upstreams: {}\n"
PLAIN = {"EXEAT_LISTEN": "127.0.0.1:0"}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_only_the_gateways_user_can_look_inside() -> None:
    """The directory and the folders in it are open to nobody else, and so are the files."""
    with Gateway(EMPTY, workers=2) as gateway:
        data = gateway.folder / "exeat-data"
        folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
        files = [path for path in data.rglob("*") if path.is_file()]
        assert {mode(folder) for folder in folders} == {0o700}
        assert {path: mode(path) for path in files if mode(path) & 0o077} == {}
        assert {"instance", "lock"} <= {path.name for path in files}
        for worker in ("worker-1", "worker-2"):
            assert numbers_in(data / "journal" / worker) == [1]


def test_an_instance_keeps_its_name() -> None:
    """The instance's name is made once; a second life goes on with it, and with the journals."""
    with Gateway(EMPTY) as gateway:
        file = gateway.folder / "exeat-data" / "instance"
        name = file.read_text("ascii")
        assert re.fullmatch(r"[0-9a-f]{12}\n", name)
        gateway.stop()
        gateway.start()
        assert file.read_text("ascii") == name
        assert numbers_in(gateway.folder / "exeat-data" / "journal" / "worker-1")[-1] == 2


def test_one_gateway_in_a_directory() -> None:
    """A second gateway in a data directory is refused in one line; once the first has ended, it is welcome."""
    with Gateway(EMPTY) as gateway:
        result = run_exeat("serve", cwd=gateway.folder, env=PLAIN)
        assert (result.returncode, result.stdout) == (2, "")
        data = gateway.folder / "exeat-data"
        assert result.stderr == (
            f"exeat: EXEAT_DATA_DIR: another gateway uses {data}; give each one a directory of its own\n"
        )
        gateway.kill()
        gateway.start()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A place where no directory can be made stops the start in one line."""
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "exeat.yaml").write_text(EMPTY)
    result = run_exeat("serve", cwd=tmp_path, env={**PLAIN, "EXEAT_DATA_DIR": "taken"})
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith(f"exeat: EXEAT_DATA_DIR: records can't be kept in {tmp_path / 'taken'}: ")


@pytest.mark.parametrize("content", ["", "not a name\n"])
def test_an_instance_without_a_name(tmp_path: Path, content: str) -> None:
    """A file of the instance that holds no name stops the start in one line: its records would be another's."""
    (tmp_path / "exeat-data").mkdir(mode=0o700)
    (tmp_path / "exeat-data" / "instance").write_text(content)
    (tmp_path / "exeat.yaml").write_text(EMPTY)
    result = run_exeat("serve", cwd=tmp_path, env=PLAIN)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "exeat-data/instance holds no name of an instance" in result.stderr
