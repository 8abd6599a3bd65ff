"""An upstream with two endpoints on loopback, which can be ill or slow, and callers of the gateways before it."""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx

from tests.support.gateway import Gateway, make_key, run_exeat, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller

TOKEN = MARKERS.make("token for two endpoints")
PAUSE_S = 0.01  # of a caller: every call leaves records, which are searched for secrets in the end
CIRCUIT = {"failures": 3, "rest": "60s"}


class Side:
    """One endpoint. `ill` answers 503; `held` keeps answers back until it is cleared."""

    def __init__(self) -> None:
        self.ill = False
        self.go_on = threading.Event()
        self.go_on.set()
        self.origin = Origin(self._behave)

    def _behave(self, peer: Peer, _: Request) -> None:
        self.go_on.wait(20)
        if self.ill:
            peer.answer(b"ill", status="503 Service Unavailable")
        else:
            peer.answer(b"well")

    @property
    def url(self) -> str:
        """Where it is."""
        return self.origin.url

    @property
    def calls(self) -> int:
        """How many requests have reached it."""
        return len(self.origin.requests)


class Pair:
    """The upstream `billing`, and the gateways before it."""

    def __init__(self) -> None:
        self.sides = (Side(), Side())
        self.key = make_key()
        self.gateways: list[Gateway] = []

    def document(self, circuit: Mapping[str, object] | None = None, **more: object) -> dict[str, object]:
        """The document of every gateway."""
        entry = {
            "endpoints": [side.url for side in self.sides],
            "network": {"private": ["127.0.0.0/8"]},
            "plaintext": True,
            "retries": 0,
            "circuit": {**CIRCUIT, **(circuit or {})},
        }
        consumer = {"keys": [{"sha256": self.key.sha256}], "grants": ["billing"]}
        return {"upstreams": {"billing": entry}, "consumers": {"web": consumer}, **more}

    @contextmanager
    def caller(self, number: int = 0) -> Iterator["Caller"]:
        """A connection to a gateway."""
        with RawCaller(self.gateways[number].port) as raw:
            yield Caller(raw, self.key.key)

    @contextmanager
    def callers(self, count: int, number: int = 0) -> Iterator[list["Caller"]]:
        """So many connections to a gateway."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.caller(number)) for _ in range(count)]

    def ask(self, method: str, path: str, data: object = None, *, number: int = 0, **params: str) -> httpx.Response:
        """A request to the control listener of a gateway."""
        urls = self.gateways[number].serving["control"]
        assert isinstance(urls, list)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.request(method, f"{urls[0]}/api/v1{path}", json=data, headers=headers, params=params, timeout=15)

    def get(self, path: str, *, number: int = 0) -> Any:
        """What a GET of the control listener answers."""
        response = self.ask("GET", path, number=number)
        assert response.status_code == 200, response.text
        return response.json()

    def act(self, action: str, number: int = 0, **body: str) -> None:
        """Say something of an endpoint by the API."""
        response = self.ask("POST", f"/upstreams/billing/endpoints/{action}", body, number=number)
        assert response.status_code == 200, response.text

    def command(self, *arguments: str, number: int = 0) -> Any:
        """Say something of an endpoint by the command line."""
        self.get("/status", number=number)  # there is a database then
        done = run_exeat("upstream", *arguments, "--json", cwd=self.gateways[number].folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def states(self, number: int = 0) -> list[str]:
        """How a gateway says that its endpoints are."""
        return [one["state"] for one in self.get("/upstreams/billing/endpoints", number=number)["items"]]

    def wait_for(self, *states: str, number: int = 0, limit_s: float = 15.0) -> None:
        """Wait until a gateway says that they are like this."""
        wait_until(lambda: self.states(number) == list(states), f"{states}, not {self.states(number)}", limit_s)


class Caller:
    """One caller with its connection."""

    def __init__(self, raw: RawCaller, key: str) -> None:
        self._raw = raw
        self._key = key

    def call(self) -> int:
        """The status of one call."""
        return self._raw.call("GET", "/billing/x", f"Exeat-Key: {self._key}").status


@contextmanager
def two_endpoints(
    *, workers: int = 1, count: int = 1, circuit: Mapping[str, object] | None = None, **more: Any
) -> Iterator[Pair]:
    """So many gateways before two endpoints; `env` and members of the document may be added."""
    pair, env, folder = Pair(), dict(more.pop("env", {})), more.pop("folder", None)
    own = {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "EXEAT_ADMIN_TOKEN": TOKEN, **env}
    with ExitStack() as stack:
        for side in pair.sides:
            stack.enter_context(side.origin)
            stack.callback(side.go_on.set)
        for _ in range(count):
            gateway = Gateway(pair.document(circuit, **more), own, workers=workers, folder=folder)
            pair.gateways.append(stack.enter_context(gateway))
        yield pair


@contextmanager
def traffic(pair: Pair, threads: int = 4) -> Iterator[Counter[int]]:
    """Have callers call again and again for the length of a block; the statuses of their answers, by count."""
    answers: Counter[int] = Counter()
    over, lock = threading.Event(), threading.Lock()

    def call(number: int) -> None:
        while not over.is_set():
            with suppress(ConnectionResetError), pair.caller(number % len(pair.gateways)) as caller:
                for _ in range(20):
                    status = caller.call()
                    with lock:
                        answers[status] += 1
                    over.wait(PAUSE_S)

    running = [threading.Thread(target=call, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in running:
            thread.join()


def kill(pid: int) -> None:
    """Kill a process of a gateway."""
    os.kill(pid, 9)
