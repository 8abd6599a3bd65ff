"""How a page spells addresses, keys and folders, and how they are spelt where its examples run.

| on a page                                 | where it runs                                                          |
|-------------------------------------------|------------------------------------------------------------------------|
| ports 8080, 8081 and 8443                 | free ports                                                             |
| `https://api.github.com` and its like     | `https://api.github.com.localhost:PORT`, a stand-in on loopback        |
| `…/~uploads.github.com` and its like      | the same, after `~`                                                    |
| such a URL in the document                | a line more, which lets the gateway call loopback                      |
| a preset of such a URL in the document    | two lines more: with the URL, and that                                 |
| such a host among the destinations        | the same, with `private`                                               |
| the private networks of internal upstreams| loopback                                                               |
| a digest of 64 digits in the document     | that of a key which was made on the page or for it                     |
| `exeat_…` in a command                    | the key that was made last                                             |
| `/run/…` and `/etc/…`                     | the same below the page's folder                                       |

What programs print is spelt back before it is compared with the page.
"""

import hashlib
import re
import socket
from collections.abc import Mapping
from functools import partial

from exeat.config.presets import read_preset
from tests.documentation.standins import STAND_INS, StandIn
from tests.support.gateway import MadeKey, make_key

LOOPBACK = '[127.0.0.0/8, "::1/128"]'
PORTS = ("8080", "8081", "8443")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_PLACEHOLDER = "exeat_…"
_FOLDERS = re.compile(r"(?<![\w./-])/(run|etc)/(?=exeat|secrets)")
_MADE = re.compile(r"\bexeat_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}\b")


class Spelling:
    """The spelling of one page: `ports` are those of the stand-ins, `folder` is where the page's files are."""

    def __init__(self, ports: Mapping[str, int], folder: str) -> None:
        self._ports = ports
        self._folder = folder
        self._gateway_ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        self._keys: dict[str, MadeKey] = {}
        self._made: list[MadeKey] = []
        self._lines: list[int] = []

    @property
    def port(self) -> str:
        """The port of the gateway, which pages call 8080."""
        return self._gateway_ports["8080"]

    @property
    def control_port(self) -> str:
        """The port of the control listener, which pages call 8081."""
        return self._gateway_ports["8081"]

    # From the page to where it runs.

    def command(self, text: str) -> str:
        """A command, or a file that isn't a document."""
        for one in STAND_INS:
            before = rf"({one.scheme}:/{{1,2}}|/~)"
            text = re.sub(rf"{before}{re.escape(one.host)}(?![\w.-])", rf"\g<1>{self._here(one)}", text)
        for port, here in self._gateway_ports.items():
            text = re.sub(rf"\b{port}\b", here, text)
        text = _FOLDERS.sub(rf"{self._folder}/\1/", text)
        return text.replace(_PLACEHOLDER, self._made[-1].key) if self._made else text

    def document(self, text: str) -> str:
        """A document for a gateway that serves; problems it names are put back to the page's lines."""
        lines: list[str] = []
        self._lines = []
        for number, line in enumerate(text.splitlines(), 1):
            here = self._destinations(self.command(self.digests(line)))
            here = re.sub(r"private: \[10\.[^\]]*\]", f"private: {LOOPBACK}", here)
            lines += [here, *_reach(line), *self._address(line)]
            self._lines += [number] * (len(lines) - len(self._lines))
        return "\n".join(lines) + "\n"

    def digests(self, text: str) -> str:
        """Keys in place of the page's digests, which nobody has the keys of."""
        return _DIGEST.sub(lambda found: self.key_of(found[0]).sha256, text)

    def key_of(self, digest: str) -> MadeKey:
        """The key behind a digest of the page: the first that was made on it and isn't used yet, or a new one."""
        if digest not in self._keys:
            unused = [key for key in self._made if key not in self._keys.values()]
            self._keys[digest] = unused[0] if unused else make_key()
        return self._keys[digest]

    def first_keys(self, page: str) -> list[MadeKey]:
        """The keys of a page that makes none itself, in the order of its digests."""
        return [self.key_of(digest) for digest in dict.fromkeys(_DIGEST.findall(page))]

    def _here(self, one: StandIn) -> str:
        suffix = "" if one.name == "127.0.0.1" else ".localhost"
        return f"{one.name}{suffix}:{self._ports[one.host]}"

    def _address(self, line: str) -> list[str]:
        """The lines that put an upstream of a preset where the stand-in for its API is."""
        found = re.fullmatch(r"( +)preset: ([a-z0-9-]+)", line)
        preset = None if found is None else read_preset(found[2])
        if (
            found is None
            or preset is None
            or not any(preset.url.startswith(f"https://{one.host}") for one in STAND_INS)
        ):
            return []
        return [f"{found[1]}url: {self.command(preset.url)}", f"{found[1]}network: {{private: {LOOPBACK}}}"]

    def _destinations(self, line: str) -> str:
        for one in STAND_INS:
            if not one.is_destination:
                continue
            for pattern in (one.host, "*." + one.host.partition(".")[2]):
                here = f"{pattern}.localhost:{self._ports[one.host]}"
                written = rf'(host: |destination: |\[|, |- )"?{re.escape(pattern)}"?(?=[,\]}}]|$)'
                line = re.sub(written, partial(_destination, here), line)
        return line

    # From where it ran to the page.

    def output(self, text: str) -> str:
        """What a program printed."""
        self._made += [MadeKey(key, hashlib.sha256(key.encode()).hexdigest()) for key in _MADE.findall(text)]
        for one in sorted(STAND_INS, key=lambda one: -len(one.host)):  # files.slack.com before slack.com
            text = text.replace(self._here(one), one.host)
            text = text.replace(f".{self._here(one).partition('.')[2]}", "." + one.host.partition(".")[2])
            text = text.replace(f"{one.name}.localhost", one.name)
        for port, here in self._gateway_ports.items():
            text = re.sub(rf"\b{here}\b", port, text)
        text = re.sub(r"(?<=exeat\.yaml:)\d+", lambda found: str(self._line(int(found[0]))), text)
        return text.replace(self._folder, "")

    def _line(self, here: int) -> int:
        return self._lines[here - 1] if 0 < here <= len(self._lines) else here


def _reach(line: str) -> list[str]:
    """The line that lets an upstream be on loopback, behind the one with its URL."""
    found = re.match(r"( +)url: https?://(\S+)", line)
    if found is None:
        return []
    host = found[2].partition("/")[0]
    is_public = any(one.host == host and not one.is_private for one in STAND_INS)
    return [f"{found[1]}network: {{private: {LOOPBACK}}}"] if is_public else []


def _destination(here: str, found: re.Match[str]) -> str:
    """A destination as it is spelt here, in each form that a document knows."""
    match found[1]:
        case "host: ":
            return f'host: "{here}", private: {LOOPBACK}'
        case "destination: ":
            return f'destination: "{here}"'
        case before:
            return f'{before}{{host: "{here}", private: {LOOPBACK}}}'


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
