"""A real `exeat serve` in a process of its own, for tests that talk to a gateway as its users do."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from exeat.model import key as model
from tests.support.markers import MARKERS, assert_no_leaks

START_S = 15.0
STOP_S = 15.0
POLL_S = 0.01
# What a program needs of the environment of a test run; nothing of Exeat's.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
EXEAT = (sys.executable, "-m", "exeat")

JsonObject = dict[str, object]
Document = str | Mapping[str, object]


class MadeKey(NamedTuple):
    """A key, and its SHA-256 for a document."""

    key: str
    sha256: str


def make_key() -> MadeKey:
    """Make a new key. What a gateway, or a command, writes is searched for it."""
    made = model.make_key("".join(secrets.choice(model.ALPHABET) for _ in range(44)))
    MARKERS.add_key(made.key)
    return MadeKey(made.key, made.sha256)


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program that is tested: little, and these."""
    outer = os.environ  # noqa: TID251 - of the test run
    inherited = {name: outer[name] for name in KEPT if name in outer}
    if "PYTHONPATH" in outer:  # the compiled program, when that is what is tested; the processes run in other folders
        inherited["PYTHONPATH"] = str(Path(outer["PYTHONPATH"]).resolve())
    # Many gateways run at once here, and a control listener has one usual port.
    return {**inherited, "EXEAT_CONTROL_LISTEN": "off", **changes}


def run_exeat(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, timeout_s: float = 20.0
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, and return what it said: no secret of its document."""
    for document in (cwd / "exeat.yaml", *(cwd / argument for argument in arguments if argument.endswith(".yaml"))):
        MARKERS.add_input(document)
        MARKERS.add_document(document.read_text("utf-8", "replace") if document.is_file() else "", cwd, env or {})
    done = subprocess.run(
        [*EXEAT, *arguments],
        cwd=cwd,
        env=environment(env or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert_no_leaks(MARKERS.leaks_in(done.stdout, "standard output") + MARKERS.leaks_in(done.stderr, "standard error"))
    return done


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = START_S) -> None:
    """Look again and again until something holds; fail after `limit_s`."""
    ends_at = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > ends_at:
            raise AssertionError(f"{what}: not within {limit_s:g} s")
        time.sleep(POLL_S)


class Gateway:
    """A gateway in a temporary folder on a free port, from `with` until its end.

    `document` is YAML text or data. `env` adds settings and variables. `tls` has it make its own certificate,
    whose file is then `certificate`. `launcher` is a command that runs it. Leaving the `with` drains it, and asserts a
    clean exit and that no file that it wrote holds a secret or a key of this test run.
    """

    def __init__(
        self,
        document: Document,
        env: Mapping[str, str] | None = None,
        *,
        workers: int = 1,
        tls: bool = False,
        folder: Path | None = None,
        launcher: Sequence[str] = (),
    ) -> None:
        self._launcher = launcher
        self._temporary = tempfile.TemporaryDirectory(prefix="exeat-test-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary is not None else Path(str(folder))
        self.file = self.folder / "exeat.yaml"
        self._env = environment(
            {
                "EXEAT_LISTEN": "127.0.0.1:0",
                "EXEAT_WORKERS": str(workers),
                "EXEAT_LOG_FORMAT": "json",
                "EXEAT_LOG_LEVEL": "debug",
                "EXEAT_DRAIN_S": "5",
                **({"EXEAT_TLS": "self-signed"} if tls else {}),
                **(env or {}),
            }
        )
        self._out = self.folder / "stdout.log"
        self._err = self.folder / "stderr.log"
        self._document = document
        self._process: subprocess.Popen[bytes] | None = None
        self._orphans: list[str] = []
        self.serving: JsonObject = {}

    # Life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.is_running and kind is None:
                self.stop()
        finally:
            leaks = self._end()
        if kind is None:
            assert_no_leaks(leaks)

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.launch()
        wait_until(self._has_started, "the gateway serves")
        self.serving = self.events("serving")[-1]

    def launch(self) -> None:
        """Start it."""
        self.write(self._document)
        with self._out.open("wb") as out, self._err.open("wb") as err:
            command = [*self._launcher, *EXEAT, "serve"]
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self._env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def stop(self) -> None:
        """Drain it, and assert that it ends cleanly."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == 0, f"exit code {code}\n{self.stderr()}"

    def wait(self, limit_s: float = STOP_S) -> int:
        """Wait for its end; the exit code."""
        return self._running.wait(limit_s)

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self._running.send_signal(number)

    def kill(self) -> None:
        """Kill the supervisor, as nobody can expect; its processes end by themselves."""
        self._orphans += _children_of(self.pid)
        self._running.kill()
        self._running.wait(STOP_S)

    def kill_worker(self, pid: int) -> None:
        """Kill one worker."""
        assert pid in self.worker_pids()
        os.kill(pid, signal.SIGKILL)

    # What it is

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT`, or https with `tls`."""
        urls = self.serving["urls"]
        assert isinstance(urls, list)
        return str(urls[0])

    @property
    def port(self) -> int:
        """The port of its first listener."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def certificate(self) -> Path:
        """The certificate that its listeners show: what a client has to trust."""
        return Path(str(self.serving["certificate"]))

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        return self._running.pid

    @property
    def is_running(self) -> bool:
        """Whether the supervisor runs."""
        return self._process is not None and self._process.poll() is None

    def worker_pids(self) -> list[int]:
        """The worker processes that live now."""
        return self._pids_of("exeat.cli.worker")

    def control_pids(self) -> list[int]:
        """The control process, if it lives now."""
        return self._pids_of("exeat.cli.control")

    def counters_pids(self) -> list[int]:
        """The process that counts for all workers, if it lives now."""
        return self._pids_of("exeat.cli.counters")

    def _pids_of(self, module: str) -> list[int]:
        return [int(pid) for pid in _children_of(self.pid) if _runs(pid, module)]

    def stdout(self) -> str:
        """Everything on standard output so far."""
        return self._out.read_text("utf-8")

    def stderr(self) -> str:
        """Everything on standard error so far."""
        return self._err.read_text("utf-8")

    def access_lines(self, least: int = 0) -> list[JsonObject]:
        """The access lines so far; waits until there are at least so many, for a line follows its answer."""
        wait_until(lambda: self.stdout().count("\n") >= least, f"{least} access lines")
        return list(_whole_objects(self.stdout()))

    def access_line(self, request_id: str | None) -> JsonObject:
        """The access line of one request; waits for it, for it follows its answer."""

        def found() -> list[JsonObject]:
            return [line for line in _whole_objects(self.stdout()) if line["id"] == request_id]

        wait_until(lambda: bool(found()), f"the access line of {request_id}")
        return found()[0]

    def events(self, message: str | None = None) -> list[JsonObject]:
        """What supervisor and workers have logged so far, or those of one message."""
        return [event for event in _whole_objects(self.stderr()) if message in {None, event.get("message")}]

    # What it serves by

    def write(self, document: Document) -> None:
        """Replace the document's file whole, as an editor or a deployment does."""
        self._document = document
        MARKERS.add_document(document, self.folder, self._env)
        text = document if isinstance(document, str) else json.dumps(document)
        temporary = self.file.with_suffix(".new")
        temporary.write_text(text, "utf-8")
        temporary.replace(self.file)

    def reload(self, document: Document, *, send_signal: bool = True) -> None:
        """Replace the document and wait until every worker serves by it; without the signal, it has to notice."""
        with self.expect("in force"):
            self.write(document)
            if send_signal:
                self.signal(signal.SIGHUP)

    @contextmanager
    def expect(self, message: str) -> Iterator[None]:
        """Wait at the end of the block for one more log event with this message."""
        before = len(self.events(message))
        yield
        wait_until(lambda: len(self.events(message)) > before, f"log event {message!r}\n{self.stderr()}")

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def _has_started(self) -> bool:
        assert self.is_running, f"ended with exit code {self._running.returncode}\n{self.stderr()}"
        return bool(self.events("serving"))

    def _end(self) -> list[str]:
        """Leave nothing behind, whatever the test did; where secrets were written."""
        if self.is_running:
            self.kill()
        wait_until(lambda: all(map(_is_zombie, self._orphans)), "the processes of one that was killed end", STOP_S)
        MARKERS.add_document(self._document, self.folder, self._env)  # once more: its files may have changed
        leaks = MARKERS.leaks_below(self.folder)
        if self._temporary is not None:
            self._temporary.cleanup()
        return leaks


def _children_of(pid: int) -> list[str]:
    """The processes that a process has started and that haven't ended (proc(5))."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text("ascii").split()
    return [child for child in found if not _is_zombie(child)]


def _runs(pid: str, module: str) -> bool:
    """Whether a process was started with `-m module`."""
    try:
        return module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return False


def _is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _whole_objects(text: str) -> Iterator[JsonObject]:
    """The JSON objects of the lines that are whole; other lines (a traceback) are left out."""
    for line in text.splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            found = json.loads(line)
            assert isinstance(found, dict)
            yield found
