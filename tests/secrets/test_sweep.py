"""The sweep for secrets finds what it is there for: it fails a run that leaks, and only such a run."""

import asyncio
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.gateway import Gateway, environment, make_key
from tests.support.in_process import LocalGateway
from tests.support.markers import MARKERS, PUBLIC_LENGTH, Markers
from tests.support.secret_search import Index, spellings
from tests.support.sweep import LEAKED
from tests.support.values import snapshot, upstream

ROOT = Path(__file__).parents[2]
LEAKING = """
import logging
from base64 import b64encode

import pytest

from tests.support.markers import MARKERS

SECRET = MARKERS.make("secret of the run")


def test_input(tmp_path):
    (tmp_path / "input").write_text(SECRET)
    MARKERS.add_input(tmp_path / "input")


def test_file(tmp_path):
    (tmp_path / "written").write_bytes(b"twelve bytes" + SECRET.encode())


@pytest.fixture
def late(tmp_path):
    yield
    (tmp_path / "late").write_bytes(b64encode(b"x" + SECRET.encode()))


def test_at_the_end(late):
    pass


def test_print():
    print("as it is", SECRET.encode().hex())


def test_log():
    logging.getLogger("a").warning("hm %s", SECRET)
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the leaking tests, or some of them, in a process of their own."""
    (folder / "test_leaking.py").write_text(LEAKING)
    plugin = ("-p", "tests.support.sweep", "-p", "no:cacheprovider", f"--basetemp={folder / 'base'}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--rootdir={folder}", *plugin, *arguments, "test_leaking.py"],
        cwd=folder,
        env=environment({"PYTHONPATH": f"{ROOT}:{environment({}).get('PYTHONPATH', '')}"}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_that_leaks(tmp_path: Path) -> None:
    """All tests pass, and the run fails: each leak is named by its file, its place and the marker's name."""
    done = run(tmp_path)
    secret = (tmp_path / "base" / "test_input0" / "input").read_text()
    assert done.returncode == LEAKED
    assert "5 passed" in done.stdout
    assert f"{tmp_path}/base/test_file0/written, byte 12: secret of the run, as it is\n" in done.stdout
    assert "/late, byte 2: secret of the run, in base64 after 1\n" in done.stdout
    assert "::test_print, Captured stdout call, byte 9: secret of the run, in hexadecimal\n" in done.stdout
    assert "::test_log, Captured log call, byte " in done.stdout
    assert "/input" not in done.stdout
    assert secret not in done.stdout + done.stderr


def test_processes_that_leak(tmp_path: Path) -> None:
    """What one of several processes finds fails the run that started it."""
    done = run(tmp_path, "-n", "2", "-k", "test_file or test_input")
    assert done.returncode == LEAKED, done.stdout
    assert "2 passed" in done.stdout
    assert "/written, byte 12: secret of the run, as it is\n" in done.stdout


@pytest.mark.parametrize("processes", [(), ("-n", "2")])
def test_a_failure_beside_it_hides_no_leak(tmp_path: Path, processes: tuple[str, ...]) -> None:
    """Where a test fails too, the code is still that of a leak: to run the test once more doesn't make it good."""
    (tmp_path / "test_failing.py").write_text("def test_fails() -> None:\n    assert False\n")
    done = run(tmp_path, *processes, "test_failing.py")
    assert "1 failed, 5 passed" in done.stdout
    assert done.returncode == LEAKED, done.stdout


def test_a_part_of_a_run_that_does_not(tmp_path: Path) -> None:
    """A part of the tests is judged by what that part wrote; inputs may hold secrets."""
    done = run(tmp_path, "-k", "test_input")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "1 passed" in done.stdout


SECRET = "a secret/with+odd=characters & \"quotes\" <in> 'it' é"


@pytest.mark.parametrize("spelling", spellings(SECRET))
def test_every_spelling(spelling: str, tmp_path: Path) -> None:
    """A secret in a file is found in every spelling, with its place."""
    markers = Markers()
    markers.add("the secret", SECRET)
    leak = tmp_path / "below" / "leak"
    leak.parent.mkdir()
    leak.write_bytes(b"before " + spellings(SECRET)[spelling] + b" after")
    (tmp_path / "other").write_bytes(b"before " + b64encode(b"a secret of another kind") + b" after")
    found = markers.leaks_below(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(f"{leak}, byte 7: the secret, ")
    markers.add_input(leak)
    assert markers.leaks_below(tmp_path) == []


@given(data=st.binary(max_size=40), before=st.integers(0, 20), length=st.integers(8, 30))
def test_every_place(data: bytes, before: int, length: int) -> None:
    """It is found wherever it begins, and nothing else is."""
    text = "".join(chr(0x41 + place) for place in range(length))
    index = Index()
    index.add("it", text)
    assert [found.offset for found in index.find(b"-" * before + text.encode() + data)] == [before]
    assert list(index.find(b"-" * before + text[: length - 1].encode() + b"-" + data.replace(b"A", b"a"))) == []


def test_what_is_registered(tmp_path: Path) -> None:
    """A document's secrets are found where its references lead, and the files that they lead to are inputs."""
    (tmp_path / "token").write_text("secret-from-a-file\n")
    (tmp_path / ".env").write_text("DOTENV='secret-from-dotenv'\n")
    text = """
    upstreams:
      a: {url: "https://a.example", credential: {kind: bearer, secret: "${file:token}"}}
      b: {url: "https://b.example", credential: {kind: basic, username: "${VARIABLE}", password: "a literal secret"}}
      c: {url: "https://secret.example", credential: {kind: bearer, secret: "${DOTENV}"}}
    """
    markers = Markers()
    variables = {"VARIABLE": "secret-from-a-variable", "EXEAT_UPSTREAMS__D__CREDENTIAL__SECRET": "secret-in-a-name"}
    markers.add_document(text, tmp_path, variables)
    secrets = ("secret-from-a-file", "secret-from-dotenv", "a literal secret", *variables.values())
    for secret in secrets:
        assert len(markers.leaks_in(f"<{secret}>", "there")) == 1
    assert markers.leaks_in("https://secret.example", "there") == []
    assert markers.leaks_below(tmp_path) == []


def test_a_gateway_that_leaks() -> None:
    """A file that stands beside a gateway's and holds its secret, or a key, fails the test that started it."""
    key, secret = make_key(), MARKERS.make("secret that leaks")
    credential = {"kind": "bearer", "secret": secret}
    document = {"upstreams": {"a": {"url": "https://a.example", "credential": credential}}}
    gateway = Gateway(document).__enter__()
    (gateway.folder / "leak").write_text(secret)
    (gateway.folder / "another").write_text(f"id {key.key[:PUBLIC_LENGTH]} and {key.key[PUBLIC_LENGTH:]}")
    with pytest.raises(AssertionError) as caught:
        gateway.__exit__(None, None, None)
    assert "/leak, byte 0: secret that leaks, as it is" in str(caught.value)
    assert f"/another, byte 27: key {key.key[6:18]}, as it is" in str(caught.value)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("way", ["log", "lines"])
def test_a_worker_that_leaks(way: str) -> None:
    """So does a line of a worker in this process, in its log or among its access lines."""

    async def leak() -> None:
        async with LocalGateway(snapshot(upstream())) as gateway:
            if way == "log":
                gateway.worker.log.info("hm", secret="upstream-secret")
            else:
                gateway.worker._ledger._lines.write([b'{"path": "/upstream-secret"}\n'])  # noqa: SLF001 - as record() does

    with pytest.raises(AssertionError, match="secret of upstream api"):
        asyncio.run(leak())
