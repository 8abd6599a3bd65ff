"""`exeat demo` as its users run it: every line that it prints, run by a shell with curl; and its end."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from exeat.cli.sample.credentials import CHECKS
from exeat.cli.sample.document import make_keys
from exeat.cli.sample.examples import Gateway, make_examples
from tests.support.gateway import EXEAT, environment, run_exeat, wait_until

TITLE = re.compile(r"  # (?P<title>.*) \((?P<status>[0-9]{3})\)")
STATUS = re.compile(r"HTTP/1\.1 ([0-9]{3})")
TITLES = [
    example.title
    for _, group in make_examples(Gateway("http://gateway"), dict.fromkeys(CHECKS, 1), make_keys())
    for example in group
]


class Line(NamedTuple):
    """A printed line, and the status printed with it."""

    command: str
    status: int


class Answer(NamedTuple):
    """What curl got: the statuses of all heads, the heads, the body on its output."""

    statuses: list[int]
    heads: str
    body: str


class Demo:
    """A demo in a process group of its own, as a shell would start it; what it makes is in `folder`."""

    def __init__(self, folder: Path, *options: str, listen: str = "127.0.0.1:0", **env: str) -> None:
        self.folder = folder / "tmp"
        self.folder.mkdir()
        self._out, self._err = folder / "out", folder / "err"
        variables = environment(
            {"EXEAT_LISTEN": listen, "EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "TMPDIR": str(self.folder), **env}
        )
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [*EXEAT, "demo", *options],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        try:
            wait_until(lambda: "Ctrl-C ends it" in self.page() or not self._is_running(), "the demo serves")
            assert self._is_running(), self.page()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def _is_running(self) -> bool:
        return self._process.poll() is None

    def page(self) -> str:
        """What it printed for people."""
        return self._err.read_text("utf-8")

    def access(self) -> list[dict[str, object]]:
        """Its access lines so far."""
        return [json.loads(line) for line in self._out.read_text("utf-8").splitlines(keepends=True) if line[-1] == "\n"]

    def lines(self) -> dict[str, Line]:
        """The lines to copy, by title."""
        found: dict[str, Line] = {}
        page = self.page().splitlines()
        for above, line in itertools.pairwise(page):
            if line.startswith("  curl "):
                title = TITLE.fullmatch(above)
                assert title, above
                found[title["title"]] = Line(line.strip(), int(title["status"]))
        return found

    def copy(self, title: str) -> Answer:
        """Run a line in a shell, as printed; only told where to leave the heads."""
        heads = self.folder.parent / "heads"
        command = f"{self.lines()[title].command} -sS --max-time 20 -D {heads}"
        done = subprocess.run(["sh", "-c", command], env=environment({}), capture_output=True, check=True)
        text = heads.read_text("latin-1")
        return Answer([int(status) for status in STATUS.findall(text)], text, done.stdout.decode())

    def interrupt(self, number: signal.Signals) -> int:
        """Send a signal as a terminal does, to the whole foreground group; the exit code."""
        os.killpg(self._process.pid, number)
        return self._process.wait(30)

    def kill(self) -> None:
        """Kill the process that was started, and only that one."""
        self._process.kill()
        self._process.wait()

    def processes(self) -> list[int]:
        """What still runs of all that the demo started: the processes of its session."""
        return [number for number in _processes() if _session(number) == self._process.pid]

    def end(self) -> None:
        """End whatever still runs."""
        if self._is_running():
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        for number in self.processes():
            os.kill(number, signal.SIGKILL)
        self._process.wait()


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - of names, not paths


def _session(number: int) -> int | None:
    """The session of a process that runs; None for one that is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[3])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with Demo(tmp_path_factory.mktemp("demo"), "--no-traffic", EXEAT_LOG_FORMAT="json") as running:
        yield running


class TestLines:
    def test_all_are_printed(self, demo: Demo) -> None:
        """Every line is printed once, in order, under its title."""
        assert list(demo.lines()) == TITLES
        assert len(set(TITLES)) == len(TITLES)

    @pytest.mark.parametrize("title", TITLES)
    def test_line_does_what_it_says(self, demo: Demo, title: str) -> None:
        """A copied line gives the status printed with it; no secret and no key's owner is in the answer."""
        answer = demo.copy(title)
        assert answer.statuses[-1] == demo.lines()[title].status, answer
        assert "-secret-" not in answer.heads + answer.body
        assert "An Exeat key reached" not in answer.body

    def test_refusals_name_their_reason(self, demo: Demo) -> None:
        """Each refusal carries its code, of a page that is there; the upstream's own errors carry none."""
        codes = {
            "No key": "key-missing",
            "A mistyped key is refused without a look-up": "key-malformed",
            "but not delete one": "method-not-granted",
            "nor call what wasn't granted": "grant-missing",
            "What an upstream forbids holds for everybody": "path-not-granted",
            "A host that nobody listed": "target-not-allowed",
            "The cloud's metadata service": "target-not-allowed",
            "An upstream that takes too long (2 s here)": "response-timeout",
        }
        for title, code in codes.items():
            assert f"exeat-error: {code}\n" in demo.copy(title).heads.lower(), title
        own = demo.copy("The upstream's own error passes untouched").heads.lower()
        assert "exeat-error" not in own
        assert "exeat-origin: upstream" in own

    def test_links_lead_through_the_gateway(self, demo: Demo) -> None:
        """What points at the upstream comes back pointing at the gateway."""
        pages = demo.copy("Pages: Link leads back through the gateway")
        redirects = demo.copy("Redirects: Location leads back through the gateway")
        link = next(line for line in pages.heads.splitlines() if line.lower().startswith("link:"))
        places = [line for line in redirects.heads.splitlines() if line.lower().startswith("location:")]
        assert redirects.statuses == [302, 302, 302, 200]
        for text in (link, *places):
            assert "https://127.0.0.1" not in text
            assert "/notes?" in text or "/files/" in text

    def test_upstream_sees_its_own_credential(self, demo: Demo) -> None:
        """The echo shows the upstream's credential and no field of the gateway's."""
        seen = json.loads(demo.copy("What the upstream saw: no key, its own credential").body)
        assert seen["headers"]["authorization"] == "Basic (the right secret)"
        assert [name for name in seen["headers"] if name.startswith("exeat")] == []

    def test_envelopes_answer_inside(self, demo: Demo) -> None:
        """An envelope gives the upstream's status and JSON inside; a batch gives one answer for each call, in order."""
        single = json.loads(demo.copy("The envelope: one form of request and answer for every API").body)
        batch = json.loads(demo.copy("A batch: several calls at once, answered in order").body)
        assert (single["ok"], single["json"]["city"]) == (True, "Kyoto")
        assert [(answer["status"], answer["meta"]["upstream"]) for answer in batch] == [(200, "weather"), (201, "shop")]

    def test_stream_ends_with_done(self, demo: Demo) -> None:
        """The stream of events arrives whole."""
        assert demo.copy("A stream of events, as they happen").body.endswith("data: [DONE]\n\n")


class TestDocument:
    def test_change_is_taken_up(self, tmp_path: Path) -> None:
        """The document that the page names can be changed while the demo runs: a grant more, a refusal less."""
        title = "nor call what wasn't granted"
        with Demo(tmp_path, "--no-traffic") as demo:
            (document,) = demo.folder.glob("exeat-demo-*/exeat.yaml")
            assert str(document) in demo.page()
            assert demo.copy(title).statuses == [403]
            text = document.read_text("utf-8")
            document.write_text(text.replace("grants: [{upstream: notes", "grants: [shop, {upstream: notes"), "utf-8")
            wait_until(lambda: demo.copy(title).statuses == [200], "the change is in force")


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_nothing_is_left(self, tmp_path: Path, number: signal.Signals) -> None:
        """Ctrl-C and SIGTERM end it with code 0: no process, no folder, and a word on what the upstreams saw."""
        with Demo(tmp_path) as demo:
            assert list(demo.folder.iterdir()) != []
            assert demo.interrupt(number) == 0
            assert demo.processes() == []
            assert list(demo.folder.iterdir()) == []
            assert "none of them with an Exeat key" in demo.page()
            assert "Traceback" not in demo.page()

    def test_early_signal(self, tmp_path: Path) -> None:
        """A signal while it still starts ends it as cleanly."""
        demo = Demo(tmp_path)
        try:
            wait_until(lambda: list(demo.folder.iterdir()) != [], "the demo has begun")
            assert demo.interrupt(signal.SIGTERM) == 0
            assert (demo.processes(), list(demo.folder.iterdir())) == ([], [])
            assert "Traceback" not in demo.page()
        finally:
            demo.end()

    def test_killed(self, tmp_path: Path) -> None:
        """Killed outright, it takes every process with it."""
        with Demo(tmp_path) as demo:
            assert len(demo.processes()) >= 3
            demo.kill()
            wait_until(lambda: demo.processes() == [], "every process has ended")


class TestTraffic:
    def test_traffic_is_mixed(self, tmp_path: Path) -> None:
        """Its own calls begin by themselves: answered and refused ones, each with an access line."""
        with Demo(tmp_path, EXEAT_LOG_FORMAT="json") as demo:

            def is_mixed() -> bool:
                lines = [line for line in demo.access() if line.get("consumer") == "traffic"]
                return {200, 201, 403} <= {line["status"] for line in lines}

            wait_until(is_mixed, "calls are answered and refused", 20)
            assert demo.interrupt(signal.SIGINT) == 0
            assert all("-secret-" not in json.dumps(line) for line in demo.access())

    def test_none(self, tmp_path: Path) -> None:
        """With --no-traffic it makes no call of its own, and the page doesn't promise any."""
        with Demo(tmp_path, "--no-traffic") as demo:
            assert "the demo's own" not in demo.page()
            assert demo.interrupt(signal.SIGINT) == 0
            assert "received 0 requests" in demo.page()


class TestAddresses:
    @pytest.mark.parametrize(
        ("listen", "env"), [("127.0.0.1:0", {"EXEAT_TLS": "self-signed"}), ("unix:gateway.sock", {})]
    )
    def test_lines_fit_the_listener(self, tmp_path: Path, listen: str, env: dict[str, str]) -> None:
        """Behind TLS or on a Unix socket, the printed lines say what curl needs, and the traffic flows."""
        with Demo(tmp_path, listen=listen, EXEAT_LOG_FORMAT="json", **env) as demo:
            assert demo.copy("By host name").statuses == [200]
            assert demo.copy("Redirects: Location leads back through the gateway").statuses == [302, 302, 302, 200]
            wait_until(lambda: any(line.get("consumer") == "traffic" for line in demo.access()), "traffic flows")

    def test_busy_address(self, tmp_path: Path) -> None:
        """A given address that is taken is one line and exit code 2, with nothing left behind."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = run_exeat("demo", cwd=tmp_path, env={"EXEAT_LISTEN": address, "TMPDIR": str(tmp_path)})
        assert (done.returncode, done.stderr.count("\n"), address in done.stderr) == (2, 1, True)
        assert list(tmp_path.iterdir()) == []

    def test_wrong_setting(self, tmp_path: Path) -> None:
        """A setting that is wrong is named, with exit code 2; a document in the environment plays no part."""
        env = {"EXEAT_WORKERS": "many", "EXEAT_UPSTREAMS__NOTES__URL": "https://example.com"}
        done = run_exeat("demo", cwd=tmp_path, env=env)
        assert done.returncode == 2
        assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["EXEAT_WORKERS"]
