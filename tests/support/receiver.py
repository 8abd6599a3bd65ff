"""A receiver of events on loopback: it judges each signature by itself, and answers as the test says."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request

TOLERANCE_S = 60


class Message(NamedTuple):
    """One message as it arrived."""

    id: str
    target: str
    type: str
    data: dict[str, Any]
    at: float


class Receiver:
    """Takes messages, from `with` until its end; `statuses` are those of the next answers, then it is 204.

    A status of 0 is no answer at all, until the receiver ends.
    """

    def __init__(self, authority: Authority | None, *statuses: int) -> None:
        self._key = secrets.token_bytes(32)
        self._statuses = list(statuses)
        self._over = threading.Event()
        self._origin = Origin(self._behave, None if authority is None else authority.server_context())
        self.secret = f"whsec_{base64.b64encode(self._key).decode()}"
        MARKERS.add("a webhook's secret", self.secret.removeprefix("whsec_"))
        self.messages: list[Message] = []

    def __enter__(self) -> Self:
        self._origin.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._origin.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Where it is, as a document says it."""
        return f"{self._origin.url}/events?to=ops"

    def entry(self, name: str = "ops", **more: object) -> dict[str, object]:
        """The webhook as a document declares it."""
        return {"name": name, "url": self.url, "secret": self.secret, "network": {"private": ["127.0.0.0/8"]}, **more}

    def answer(self, *statuses: int) -> None:
        """Answer the next messages like this."""
        self._statuses += statuses

    def wait_for(self, count: int) -> list[Message]:
        """The messages, when there are so many; more than that fail."""
        wait_until(lambda: len(self.messages) >= count, f"{count} messages")
        assert len(self.messages) == count
        return self.messages

    def _behave(self, peer: Peer, request: Request) -> None:
        body = peer.read_body(request)
        assert request.method == "POST"
        assert request.values("content-type") == ["application/json"]
        assert request.values("host") == [self._origin.authority]
        identifier = self._check_signature(request, body)
        event = json.loads(body)
        assert set(event) == {"type", "timestamp", "data"}
        self.messages.append(Message(identifier, request.target, event["type"], event["data"], time.monotonic()))
        status = self._statuses.pop(0) if self._statuses else 204
        if status:
            elsewhere = f"Location: {self._origin.url}/elsewhere"
            peer.answer(b"what nobody reads", elsewhere, "Connection: close", status=f"{status} Whatever")
        else:
            self._over.wait()
        peer.close()

    def _check_signature(self, request: Request, body: bytes) -> str:
        [identifier], [sent], [signature] = (
            request.values(f"webhook-{name}") for name in ("id", "timestamp", "signature")
        )
        assert abs(int(sent) - time.clock_gettime(time.CLOCK_REALTIME)) < TOLERANCE_S
        digest = hmac.digest(self._key, f"{identifier}.{sent}.".encode() + body, hashlib.sha256)
        assert signature == "v1," + base64.b64encode(digest).decode()
        return identifier


def unless(holds: Callable[[], bool], for_s: float) -> None:
    """Look for a while; AssertionError if something comes to hold."""
    ends_at = time.monotonic() + for_s
    while time.monotonic() < ends_at:
        assert not holds()
        time.sleep(0.02)
