"""`exeat reload`: what it says of what a running gateway has done."""

import json
from pathlib import Path

from tests.support.gateway import Gateway, run_exeat

ONE = {"upstreams": {}, "destinations": ["a.example"]}
TWO = {"upstreams": {}, "destinations": ["a.example", "b.example"]}


def test_until_it_is_in_force() -> None:
    """It says under which revision the gateway serves now, and whether anything is different."""
    with Gateway(ONE, workers=2) as gateway:
        done = run_exeat("reload", cwd=gateway.folder)
        assert (done.returncode, done.stderr) == (0, "")
        before = str(gateway.serving["revision"])
        assert done.stdout == f"nothing is different; in force: revision {before}\n"
        gateway.write(TWO)
        done = run_exeat("reload", "--json", cwd=gateway.folder)
        said = json.loads(done.stdout)
        assert (done.returncode, said["problems"]) == (0, [])
        assert said["revision"] == gateway.events("in force")[-1]["revision"] != before


def test_a_document_with_a_problem() -> None:
    """Every problem is said here, not only in the gateway's log, and nothing changes."""
    with Gateway(ONE) as gateway:
        gateway.write("destinations: ['*foo.com', 5]\n")
        done = run_exeat("reload", cwd=gateway.folder)
        assert (done.returncode, done.stdout) == (2, "")
        lines = done.stderr.splitlines()
        assert len(lines) == 3
        assert lines[0].startswith("exeat: exeat.yaml:1: destinations[0]: ")
        assert lines[-1] == "exeat: nothing changed"
        said = json.loads(run_exeat("reload", "--json", cwd=gateway.folder).stdout)
        assert len(said["problems"]) == 2
        assert said["revision"] == gateway.serving["revision"]


def test_no_gateway(tmp_path: Path) -> None:
    """Where none runs, also after one has been killed, that is said in one line."""
    for workers in ([], ["--workers"]):
        done = run_exeat("reload", *workers, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no gateway runs here with the data directory" in done.stderr
        assert done.stderr.count("\n") == 1
    with Gateway(ONE) as gateway:
        gateway.kill()
        assert (gateway.folder / "exeat-data/gateway.sock").exists()
        done = run_exeat("reload", "--json", cwd=gateway.folder)
        assert done.returncode == 1
        assert "no gateway runs" in json.loads(done.stdout)["fault"]


def test_a_deep_folder(tmp_path: Path) -> None:
    """A data directory whose path is too long for a socket's address is no hindrance; the socket goes at the end."""
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    with Gateway(ONE, folder=folder) as gateway:
        assert run_exeat("reload", cwd=folder).returncode == 0
        assert (folder / "exeat-data/gateway.sock").stat().st_mode & 0o777 == 0o600
        gateway.stop()
        assert not (folder / "exeat-data/gateway.sock").exists()


def test_wrong_settings(tmp_path: Path) -> None:
    """Settings that are wrong are said first."""
    (tmp_path / ".env").write_text("EXEAT_WORKERS=none\n")
    done = run_exeat("reload", cwd=tmp_path)
    assert done.returncode == 2
    assert "EXEAT_WORKERS" in done.stderr
