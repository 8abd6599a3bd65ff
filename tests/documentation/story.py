r"""One page told as a story: its examples run from top to bottom, in one folder and one shell.

* `yaml` has no problem for `exeat check`. What opens with `# exeat.yaml` is the document from there on, and a gateway
  that runs takes it over; what opens with `# broken.yaml` has a problem; any other `# NAME` is written to that file.
* `console`: lines after `$ ` run (`> ` and a last `\` continue them); the lines below are what they print.
* `curl` in a table runs, and is answered with a status below 400.
* `python` runs; a `text` block right behind it is what it prints. Other `text` is for people.
* `json` is JSON.
* Any other block opens with `# NAME` (or `// NAME`), and is written to that file.

`exeat serve` as a command starts a gateway, which ends before the next one and at the end of the page. A command that
fails fails the page, unless `echo $?` follows.
"""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.documentation.comparing import matches
from tests.documentation.pages import Block, Page
from tests.documentation.session import Said, Session
from tests.documentation.spelling import Spelling
from tests.documentation.standins import SECRETS, TOKENS, Running
from tests.support.gateway import environment, wait_until

DOCUMENT = "exeat.yaml"
BROKEN = "broken.yaml"
_SERVE = re.compile(r"(?P<settings>(?:\w+=\S+ )*)exeat serve(?P<rest>[^&]*)&?")
_LOOKS = re.compile(r"tail |cat ")
LOOK_S = 5.0
_NAME = re.compile(r"(?:#|//) (?P<name>[\w./-]+)\n")
_IN_FORCE = re.compile(r"in force|nothing is different")
_SERVES = re.compile(r"Exeat \S+ serves|\"serving\"")


class Story:
    """Tells one page in a folder of its own."""

    def __init__(self, page: Page, folder: Path, running: Running) -> None:
        self._page = page
        self._folder = folder
        self._spelling = Spelling(running.ports, str(folder))
        self._out = folder / ".serve.out"
        self._err = folder / ".serve.err"
        self._is_serving = False
        self._gateway: int | None = None
        self._printed = ""
        keys = [] if "$ exeat key create" in page.text else self._spelling.first_keys(page.text)
        _provide_files(folder, running)
        is_administered = "8081" in page.text
        known = _environment(
            folder, running, self._spelling, [made.key for made in keys], is_administered=is_administered
        )
        self._session = Session(folder, known)

    def tell(self) -> None:
        """Run every example; AssertionError names the line of the first that isn't as the page says."""
        try:
            with self._session:
                for block in self._page.blocks():
                    self._tell_or_explain(block)
                self._end_gateway()
        finally:
            self._leave_nothing()

    def _tell_or_explain(self, block: Block) -> None:
        try:
            self._tell(block)
        except AssertionError as error:
            raise AssertionError(f"{self._page.name}:{block.line}: {error}") from error

    def _tell(self, block: Block) -> None:
        kinds: dict[str, Callable[[Block], None]] = {
            "yaml": self._yaml,
            "console": self._console,
            "curl": self._curl,
            "python": self._python,
            "json": _json,
            "text": self._text,
        }
        tell = kinds.get(block.language, self._file)
        tell(block)

    # Kinds of blocks

    def _yaml(self, block: Block) -> None:
        name = _NAME.match(block.text)
        if name is not None and name["name"] == BROKEN:
            self._write(BROKEN, block.text)
            assert self._run(f"exeat check {BROKEN}").code == 2, "a broken document has no problem"
            return
        self._write(".as-it-stands.yaml", self._spelling.command(self._spelling.digests(block.text)))
        said = self._run("exeat check .as-it-stands.yaml")
        assert said.code == 0, said.output
        if name is not None and name["name"] == DOCUMENT:
            self._replace_document(self._spelling.document(block.text))
        elif name is not None:
            self._write(name["name"], self._spelling.document(block.text))

    def _replace_document(self, text: str) -> None:
        before = len(_IN_FORCE.findall(self._log()))
        self._write(DOCUMENT, text)
        if self._is_serving:
            wait_until(lambda: len(_IN_FORCE.findall(self._log())) > before, f"the document is taken\n{self._log()}")

    def _console(self, block: Block) -> None:
        steps = list(_steps(block.text))
        for place, (command, expected) in enumerate(steps):
            said = self._serve(command) if _SERVE.fullmatch(command) else self._run_until(command, expected)
            output = self._spelling.output(said.output)
            assert not expected or matches(expected, output), f"{command!r} printed\n{output}\nnot\n{expected}"
            is_asked = place + 1 < len(steps) and steps[place + 1][0] == "echo $?"
            assert said.code == 0 or is_asked, f"{command!r} ended with exit code {said.code}\n{output}"

    def _curl(self, block: Block) -> None:
        said = self._run(block.text.replace("curl ", "curl --silent --show-error --fail-with-body ", 1))
        assert said.code == 0, f"{block.text!r}\n{said.output}"
        is_fine = "/-/call" not in block.text or ('"ok":true' in said.output and '"ok":false' not in said.output)
        assert is_fine, f"{block.text!r}: a call in the envelope failed\n{said.output}"

    def _python(self, block: Block) -> None:
        self._write(".example.py", self._spelling.command(block.text))
        said = self._run(f'"{sys.executable}" -W error .example.py')
        assert said.code == 0, said.output
        self._printed = self._spelling.output(said.output)

    def _text(self, block: Block) -> None:
        if block.follows == "python":
            assert matches(block.text, self._printed), f"the example printed\n{self._printed}"

    def _file(self, block: Block) -> None:
        name = _NAME.match(block.text)
        assert name is not None, f"nothing is known of {block.language!r} blocks without a file's name"
        self._write(name["name"], self._spelling.command(block.text))

    # The gateway

    def _serve(self, command: str) -> Said:
        """Start a gateway in the background; what it said until it served, or why it didn't."""
        self._end_gateway()
        found = _SERVE.fullmatch(self._spelling.command(command))
        assert found is not None
        for log in self._logs():
            log.unlink(missing_ok=True)
        streams = f">{self._out} 2>{self._err}"
        self._session.run(f"( {found['settings']} exec exeat serve {found['rest']} ) {streams} & SERVE=$!")
        self._gateway = int(self._session.run("echo $SERVE").output)
        wait_until(lambda: bool(_SERVES.search(self._log())) or not self._is_alive(), "the gateway serves or ends")
        self._is_serving = self._is_alive()
        code = 0 if self._is_serving else self._session.run("wait $SERVE").code
        return Said(self._log(), code)

    def _is_alive(self) -> bool:
        return self._session.run("kill -0 $SERVE 2>/dev/null").code == 0

    def _log(self) -> str:
        """What the gateway has logged so far."""
        return "".join(log.read_text("utf-8") for log in self._logs() if log.exists())

    def _logs(self) -> list[Path]:
        """Where the gateway logs: standard error, or where a page sends that."""
        return [self._err, self._folder / "exeat.log"]

    def _end_gateway(self) -> None:
        """Drain a gateway that still runs, and see it end cleanly."""
        if self._is_serving and self._is_alive():
            assert self._session.run("kill -TERM $SERVE; wait $SERVE").code == 0, self._log()
        self._is_serving = False
        self._gateway = None

    def _leave_nothing(self) -> None:
        """Kill a gateway that a page which failed has left behind; its workers end by themselves then."""
        if self._gateway is not None:
            with suppress(ProcessLookupError):
                os.kill(self._gateway, signal.SIGKILL)

    def _run_until(self, command: str, expected: str) -> Said:
        """Run a command; one that looks into a file is repeated until it shows what is said to be there."""
        said = self._run(command)
        ends_at = time.monotonic() + LOOK_S
        while _LOOKS.match(command) and time.monotonic() < ends_at:
            if matches(expected, self._spelling.output(said.output)):
                break
            said = self._run(command)
        return said

    def _run(self, command: str) -> Said:
        return self._session.run(self._spelling.command(command))

    def _write(self, name: str, text: str) -> None:
        """Replace a file whole."""
        path = self._folder / name.removeprefix(f"{self._folder}/").removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(text, "utf-8")
        new.replace(path)


def _steps(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a `console` block, each with what it is said to print."""
    command, expected, goes_on = "", "", False
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:], ""
        elif command and (goes_on or line.startswith("> ")) and not expected:
            command += "\n" + line.removeprefix("> ")
        else:
            expected += line + "\n"
        goes_on = line.endswith("\\")
    assert command, "no command"
    yield command, expected


def _json(block: Block) -> None:
    try:
        json.loads(block.text)
    except ValueError as error:
        raise AssertionError(f"no JSON: {error}") from error


def _provide_files(folder: Path, running: Running) -> None:
    """The files that the pages' documents refer to."""
    for place in ("run/secrets", "etc/exeat"):
        (folder / place).mkdir(parents=True)
    (folder / ".curlrc").write_text("no-progress-meter\n", "utf-8")  # as on a terminal
    (folder / "run/secrets/stripe").write_text(SECRETS["STRIPE_SECRET"] + "\n", "utf-8")
    google = f"https://oauth2.googleapis.com.localhost:{running.ports['oauth2.googleapis.com']}"
    TOKENS.provide(folder / "run/secrets", google)
    authority = running.authority
    (folder / "etc/exeat/internal-ca.pem").write_bytes(authority.file.read_bytes())
    authority.write_pair(folder / "etc/exeat/client.pem", folder / "etc/exeat/client.key", "gateway.internal")
    authority.write_pair(folder / "etc/exeat/server.pem", folder / "etc/exeat/server.key", "localhost", "127.0.0.1")


def _environment(
    folder: Path, running: Running, spelling: Spelling, keys: list[str], *, is_administered: bool
) -> dict[str, str]:
    """A terminal's environment, with what the pages assume to be there."""
    names = ("KEY", "OTHER_KEY")
    known = environment({})
    return {
        **known,
        **SECRETS,
        **dict(zip(names, keys, strict=False)),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), known["PATH"]]),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "EXEAT_LISTEN": f"127.0.0.1:{spelling.port}",
        "EXEAT_CONTROL_LISTEN": f"127.0.0.1:{spelling.control_port}" if is_administered else "off",
        "EXEAT_LOG_FORMAT": "console",
        "EXEAT_DRAIN_S": "5",
        "SSL_CERT_FILE": str(running.authority.file),
    }
