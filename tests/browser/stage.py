"""What the dashboard shows in these tests: a gateway, upstreams that do as scripted, and people who may log in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from exeat.admin.dashboard import FOLDER, INDEX
from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request

TOKEN = MARKERS.make("token of the first administrator")
SECRET = MARKERS.make("credential of the weather API")
WAIT_S = 30


class Person(NamedTuple):
    """Somebody who may log in."""

    name: str
    role: str
    password: str


ADA = Person("ada", "administrator", MARKERS.make("password of ada"))
VIC = Person("vic", "viewer", MARKERS.make("password of vic"))


def answer(peer: Peer, request: Request) -> None:
    """Answer as the path says: `/status/404` with that status, everything else with a little JSON."""
    peer.read_body(request)
    _, _, status = request.target.partition("/status/")
    body = json.dumps({"path": request.target, "celsius": 21}).encode()
    peer.answer(body, "Content-Type: application/json", status=f"{status[:3] or '200'} As scripted")


@dataclass
class Stage:
    """A gateway whose control listener serves the dashboard."""

    gateway: Gateway
    weather: Origin
    key: str  # of the consumer `phone`

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        urls = self.gateway.serving["control"]
        assert isinstance(urls, list)
        return str(urls[0])

    def ask(self, method: str, path: str, data: object = None, *, version: int | None = None) -> Any:
        """Ask the admin API as the first administrator; what it says. `version` is that of what is changed."""
        headers = {"Authorization": f"Bearer {TOKEN}"} | ({} if version is None else {"If-Match": f'"{version}"'})
        response = httpx.request(method, f"{self.url}/api/v1{path}", json=data, headers=headers, timeout=WAIT_S)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def call(self, path: str, key: str | None = None, method: str = "GET") -> httpx.Response:
        """Call through the gateway, as `phone` if no key is given."""
        headers = {"Exeat-Key": self.key if key is None else key}
        return httpx.request(method, self.gateway.url + path, headers=headers, timeout=WAIT_S)

    def put(self, section: str, name: str, data: object) -> None:
        """Write an object into the database, and wait until the gateway serves by it."""
        revision = self.ask("PUT", f"/{section}/{name}", data)["revision"]
        self.wait_for(revision)

    def remove(self, section: str, name: str) -> None:
        """Take an object of the database away."""
        revision = self.ask("GET", f"/{section}/{name}")["revision"]
        self.ask("DELETE", f"/{section}/{name}", version=revision)

    def wait_for(self, revision: int) -> None:
        """Wait until every worker serves by a revision."""
        wait_until(lambda: (self.ask("GET", "/status")["in_force"] or 0) >= revision, f"revision {revision}", WAIT_S)

    def wait_for_record(self, request_id: str) -> None:
        """Wait until one exchange can be found."""
        path = f"/records?where=id%3D{request_id}"
        wait_until(lambda: bool(self.ask("GET", path)["items"]), f"the exchange {request_id}", WAIT_S)

    def wait_for_records(self, least: int) -> None:
        """Wait until at least so many exchanges can be found."""
        path = "/records?where=kind%3Dexchange&limit=200"
        wait_until(lambda: len(self.ask("GET", path)["items"]) >= least, f"{least} exchanges", WAIT_S)


@contextmanager
def staged(*, busy: bool = False) -> Iterator[Stage]:
    """Run one for the length of a block; `busy` has it look back on some calls, good ones and others.

    `weather` and `phone` are written in a file; `mail`, `nowhere`, `shop` and its limits in the database.
    """
    assert (FOLDER / INDEX).is_file(), "the dashboard isn't built; `make web` does that"
    key = make_key()
    with Origin(answer) as weather:
        credential = {"kind": "bearer", "secret": SECRET}
        document = {
            "upstreams": {"weather": weather.entry(credential=credential)},
            "consumers": {"phone": {"keys": [{"sha256": key.sha256}], "grants": ["weather"]}},
        }
        env = {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "EXEAT_ADMIN_TOKEN": TOKEN}
        with Gateway(document, env) as gateway:
            stage = Stage(gateway, weather, key.key)
            for name, role, password in (ADA, VIC):
                stage.ask("POST", "/administrators", {"name": name, "role": role, "password": password})
            _write(stage)
            if busy:
                _look_back(stage)
            yield stage


def _write(stage: Stage) -> None:
    stage.put("upstreams", "mail", stage.weather.entry(price="0.25 EUR", limits=[{"budget": "5 EUR/day"}]))
    grants = ["weather", {"upstream": "mail", "methods": ["GET"]}]
    stage.put("consumers", "shop", {"grants": grants, "limits": [{"rate": "60/minute"}, {"quota": "1000/day"}]})


def _look_back(stage: Stage) -> None:
    made = stage.ask("POST", "/keys", {"consumer": "shop", "label": "till"})
    MARKERS.add_key(made["key"])
    stage.wait_for(made["revision"])
    for path in ("/weather/now", "/weather/status/404", "/weather/status/500", "/mail/inbox", "/weather/tomorrow"):
        stage.call(path, made["key"])
        stage.call(path)
    stage.call("/mail/inbox", made["key"], "POST")
    stage.call("/weather/now", f"{made['key'][:-1]}x")
    stage.wait_for_records(12)
