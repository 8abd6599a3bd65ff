"""The curl lines that `exeat demo` prints: every way to call, streams, refusals; each with the status it gives."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from exeat.cli.sample.document import Keys


@dataclass(frozen=True, slots=True)
class Gateway:
    """How a caller on this machine reaches the gateway: its URL, and what curl needs to be told."""

    url: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One call: what it shows, the line to copy, the status of the last answer."""

    title: str
    line: str
    status: int


Group = tuple[str, list[Example]]


def make_examples(gateway: Gateway, ports: Mapping[str, int], keys: Keys) -> list[Group]:
    """All lines, in groups with a heading."""
    writer = _Writer(gateway, ports, keys)
    return [
        ("One key, every way to call", writer.ways()),
        ("What comes back", writer.answers()),
        ("What is refused, and how it is said", writer.refusals()),
    ]


@dataclass(frozen=True, slots=True)
class _Writer:
    gateway: Gateway
    ports: Mapping[str, int]
    keys: Keys

    def ways(self) -> list[Example]:
        notes, partner = f"https://127.0.0.1:{self.ports['notes']}", f"https://localhost:{self.ports['partner']}"
        key = self.keys.demo.key
        chat = {"model": "sample-1", "messages": [{"role": "user", "content": "Who are you?"}]}
        call = {"upstream": "weather", "path": "/forecast", "query": {"city": "Kyoto", "days": 2}}
        other = {"upstream": "shop", "method": "POST", "path": "/orders", "json": {"product": 1, "quantity": 2}}
        return [
            self._make("What may my key call?", "/-/whoami"),
            self._make("By path: 'notes' wants a bearer token, and gets it from the gateway", "/notes"),
            self._make("By path, with a body", "/notes", "-i", *_json({"text": "Learn to say exeat"}), status=201),
            self._make("By host name", "/current?city=Lima", "-H", "Host: weather.gateway.internal"),
            self._make("URL in the path: it belongs to 'notes', so its credential goes along", f"/{notes}/v1/notes/2"),
            self._make("URL in a field", "/v1/notes/3", "-H", f"Exeat-Target: {notes}"),
            self._make(
                "A destination without a name: your own credential goes along, the key does not",
                f"/{partner}/rates", "-H", "Authorization: Bearer my-own-token",
            ),
            self._make("The envelope: one form of request and answer for every API", "/-/call", *_json(call)),
            self._make("A batch: several calls at once, answered in order", "/-/call", *_json([call, other])),
            self._bare("Where SDKs put keys: a bearer token", "/model/v1/chat/completions", "-H",
                       f"Authorization: Bearer {key}", *_json(chat)),
            self._bare("Where SDKs put keys: a user name", "/shop/products/1", "-u", f"{key}:"),
            self._bare("Where SDKs put keys: the upstream's own parameter", f"/weather/current?city=Oslo&appid={key}"),
        ]  # fmt: skip

    def answers(self) -> list[Example]:
        chat = {"model": "sample-1", "stream": True, "messages": [{"role": "user", "content": "Are you there?"}]}
        size = r"%{size_download} bytes, %{speed_download} bytes a second\n"
        return [
            self._make("What the upstream saw: no key, its own credential", "/shop/echo"),
            self._make("A stream of events, as they happen", "/model/v1/chat/completions", "-N", *_json(chat)),
            self._make("A stream of lines in chunks", "/files/lines/10?delay_ms=100", "-N"),
            self._make("Pages: Link leads back through the gateway", "/notes?per_page=2&page=2", "-i"),
            self._make("Redirects: Location leads back through the gateway", "/files/redirect/2", "-i", "-L"),
            self._make("A hundred megabytes", "/files/bytes/100000000", "-o", "/dev/null", "-w", size),
            self._make("An upload", "/files/digest", "-d", "exeat, let it go out"),
            self._make("Compressed on the way", "/weather/forecast?city=Nairobi&days=7", "--compressed"),
            self._make("The upstream's own error passes untouched", "/shop/products/99", "-i", status=404),
            self._make("The upstream asks for patience", "/files/status/429", "-i", status=429),
        ]

    def refusals(self) -> list[Example]:
        guest = self.keys.guest.key
        return [
            self._bare("No key", "/notes", "-i", status=401),
            self._make("A mistyped key is refused without a look-up", "/notes", key=_mistype(guest), status=401),
            self._make("A guest may read notes", "/notes/1", key=guest),
            self._make("but not delete one", "/notes/1", "-i", "-X", "DELETE", key=guest, status=403),
            self._make("nor call what wasn't granted", "/shop/products", key=guest, status=403),
            self._make("What an upstream forbids holds for everybody", "/shop/admin/report", status=403),
            self._make("A host that nobody listed", "/https://example.com/", status=403),
            self._make("The cloud's metadata service", "/http://169.254.169.254/latest/meta-data/", status=403),
            self._make("An upstream that takes too long (2 s here)", "/files/slow/5", status=504),
            self._bare("Every error has a page", "/-/errors/method-not-granted"),
        ]

    def _make(self, title: str, path: str, *options: str, key: str | None = None, status: int = 200) -> Example:
        return self._bare(title, path, "-H", f"Exeat-Key: {key or self.keys.demo.key}", *options, status=status)

    def _bare(self, title: str, path: str, *options: str, status: int = 200) -> Example:
        words = ["curl", *self.gateway.options, *options, self.gateway.url + path]
        return Example(title, shlex.join(words), status)


def _json(value: object) -> tuple[str, ...]:
    return "-H", "Content-Type: application/json", "-d", json.dumps(value)


def _mistype(key: str) -> str:
    """The key with another last symbol."""
    return key[:-1] + ("0" if key[-1] != "0" else "1")
