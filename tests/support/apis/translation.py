"""A stand-in for an API that several accounts can call, each with a key; one can be closed, or given a pause."""

import threading
import time

from tests.support.apis.answers import Reply, Request

KEYS = {"a": "translate-example-a", "b": "translate-example-b", "c": "translate-example-c"}
UNAUTHORIZED = Reply(401, {"error": "this key isn't valid"})


class Translation:
    """The API. `POST /close?account=a` revokes a key, `POST /pause?account=b&for=3` lets it call no more for a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed: set[str] = set()
        self._paused: dict[str, float] = {}

    def __call__(self, request: Request) -> Reply:
        """Answer."""
        shown = request.fields.get("authorization", "")
        account = next((name for name, key in KEYS.items() if shown == f"Bearer {key}"), None)
        with self._lock:
            if account is None or account in self._closed:
                return UNAUTHORIZED
            left_s = self._paused.get(account, 0.0) - time.monotonic()
            if left_s > 0:
                return Reply(429, {"error": "too many calls"}, {"Retry-After": str(round(left_s + 0.5))})
            return self._answer(request, account)

    def _answer(self, request: Request, account: str) -> Reply:
        named = request.query.get("account", [""])[0]
        if request.path == "/close":
            self._closed.add(named)
            return Reply(200, {"closed": named})
        if request.path == "/pause":
            self._paused[named] = time.monotonic() + float(request.query["for"][0])
            return Reply(200, {"paused": named})
        return Reply(200, {"account": account})
