"""node's fetch, told a URL and an Exeat key as its users would."""

import base64
import json
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from tests.support.clients import LIMIT_S, Access, Ask, Got
from tests.support.gateway import environment

SCRIPT = Path(__file__).with_name("fetch.mjs")


class Node(AbstractContextManager["Node"]):
    """fetch, with the key as a bearer token; a process for each request."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every process has ended with its request."""

    def ask(self, ask: Ask) -> Got:
        """Send a request."""
        headers, body = dict(ask.headers), ask.data
        if self._access.key is not None:
            headers["Authorization"] = f"Bearer {self._access.key}"
        if ask.value is not None:
            headers["Content-Type"], body = "application/json", json.dumps(ask.value).encode()
        said = {"url": self._access.base + ask.path, "method": ask.method, "headers": headers, "follow": ask.follow}
        said["body"] = None if body is None else base64.b64encode(body).decode()
        done = subprocess.run(
            ["node", SCRIPT],
            input=json.dumps(said),
            env=environment({"NODE_EXTRA_CA_CERTS": str(self._access.authority)}),
            capture_output=True,
            text=True,
            timeout=LIMIT_S + 5,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        got = json.loads(done.stdout)
        return Got(got["status"], dict(got["fields"]), base64.b64decode(got["body"]))
