"""An upstream that knows three keys, of which each can be refused or limited, and callers of the gateways before it."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller

TOKEN = MARKERS.make("token for three keys")
KEYS = tuple(MARKERS.make(f"key {number} of three") for number in (1, 2, 3))
NAMES = ("one", "two", "three")
WEIGHTS = (2, 1, 1)


class Model:
    """The upstream `model`: `states` says by key what it answers: "well", "revoked", "forbidden", "busy" (429)."""

    def __init__(self) -> None:
        self.states = ["well"] * len(KEYS)
        self.pause_s = 60
        self.shown: list[int] = []  # the places of the keys, in the order in which they came
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()
        self.origin = Origin(self._behave)

    def _behave(self, peer: Peer, request: Request) -> None:
        body = peer.read_body(request)
        (value,) = request.values("authorization")
        place = KEYS.index(value.removeprefix("Bearer "))
        with self._lock:
            self.shown.append(place)
            self.bodies.append(body)
        match self.states[place]:
            case "revoked":
                peer.answer(b"revoked", status="401 Unauthorized")
            case "forbidden":
                peer.answer(b"forbidden", status="403 Forbidden")
            case "busy":
                peer.answer(b"busy", f"Retry-After: {self.pause_s}", status="429 Too Many Requests")
            case _:
                peer.answer(body or b"well")

    def counts(self, since: int = 0) -> list[int]:
        """How often each key was shown."""
        found = Counter(self.shown[since:])
        return [found[place] for place in range(len(KEYS))]


class Place:
    """The gateways before it."""

    def __init__(self) -> None:
        self.model = Model()
        self.key = make_key()
        self.gateways: list[Gateway] = []

    def document(
        self, keys: Sequence[str] = KEYS, weights: Sequence[int] = WEIGHTS, **more: object
    ) -> dict[str, object]:
        """The document of every gateway."""
        members = [
            {"kind": "bearer", "secret": key, "weight": weight, "label": NAMES[KEYS.index(key)] if key in KEYS else "x"}
            for key, weight in zip(keys, weights, strict=False)
        ]
        entry = {**self.model.origin.entry(credential={"pool": members}), "retries": 0, **more}
        consumer = {"keys": [{"sha256": self.key.sha256}], "grants": ["model"]}
        return {"upstreams": {"model": entry}, "consumers": {"web": consumer}}

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

    def calls(self, count: int, number: int = 0) -> list[int]:
        """How often each key is shown by so many calls, each over a connection of its own; all of them are served."""
        before = len(self.model.shown)
        with self.callers(count, number) as callers:
            assert [caller.call() for caller in callers] == [200] * count
        return self.model.counts(before)

    def status(self, number: int = 0) -> Any:
        """What `GET /status` of a gateway answers."""
        urls = self.gateways[number].serving["control"]
        assert isinstance(urls, list)
        response = httpx.get(f"{urls[0]}/api/v1/status", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=15)
        assert response.status_code == 200, response.text
        return response.json()

    def resting(self, number: int = 0) -> list[tuple[str, str]]:
        """Which keys a gateway says to rest, and why."""
        return [(one["credential"], one["state"]) for one in self.status(number)["resting_credentials"]]

    def wait_for(self, *resting: tuple[str, str], number: int = 0) -> None:
        """Wait until a gateway says that these rest."""
        wait_until(lambda: self.resting(number) == list(resting), f"{resting}, not {self.resting(number)}", 15.0)


class Caller:
    """One caller with its connection."""

    def __init__(self, raw: RawCaller, key: str) -> None:
        self._raw = raw
        self._key = key

    def call(self, method: str = "GET", body: bytes = b"") -> int:
        """The status of one call."""
        answer = self._raw.call(method, "/model/x", f"Exeat-Key: {self._key}", body=body)
        if answer.status == 200:
            assert answer.body == (body or b"well")
        return answer.status


@contextmanager
def three_keys(
    *, workers: int = 1, count: int = 1, env: Mapping[str, str] | None = None, **more: Any
) -> Iterator[Place]:
    """So many gateways before the upstream; members of its entry may be added."""
    place = Place()
    own = {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "EXEAT_ADMIN_TOKEN": TOKEN, **(env or {})}
    with ExitStack() as stack:
        stack.enter_context(place.model.origin)
        for _ in range(count):
            place.gateways.append(stack.enter_context(Gateway(place.document(**more), own, workers=workers)))
        yield place
