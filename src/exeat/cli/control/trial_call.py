"""The request by which it is tried whether an upstream answers, and takes a credential; and what its status means."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from exeat import __version__
from exeat.config.presets import Verification, fill
from exeat.config.trial import Trial
from exeat.model.credential import Injection
from exeat.model.key import Presented
from exeat.policy.forward import compose
from exeat.wire.http1 import parse_request
from exeat.wire.outgoing import Outgoing

LIMIT_S = 15.0
LARGEST_BYTES = 4 << 20
NOBODY = Presented(b"\0", frozenset(), None)  # no key is in what is sent: a NUL can't be

MEANINGS = {
    400: "the call isn't understood, or the secret isn't accepted",
    401: "the secret isn't accepted",
    403: "the secret isn't accepted, or may not make this call: look at what it is allowed to do",
    404: "nothing is there: the address, a parameter or the secret is wrong",
    429: "too many calls were made with it just now: try again later",
}


def render_call(verification: Verification, trial: Trial, injection: Injection, values: Mapping[str, str]) -> Outgoing:
    """The request, its credential attached unless that is a signature."""
    encoded = {name: quote(value, safe="") for name, value in values.items()}
    path, _, query = fill(verification.path, encoded).partition("?")
    body = b"" if verification.body is None else orjson.dumps(verification.body)
    fields = {"Host": "a", "User-Agent": f"Exeat/{__version__}", "Accept": "application/json"}
    fields |= {} if verification.body is None else {"Content-Type": "application/json"}
    fields |= verification.headers
    fields |= {"Content-Length": str(len(body))} if verification.method == "POST" else {}
    lines = "".join(f"\r\n{name}: {value}" for name, value in fields.items())
    endpoint = trial.upstream.endpoints[0]
    return compose(
        parse_request(f"{verification.method} / HTTP/1.1{lines}".encode()),
        host=endpoint.host,
        path=path.encode(),
        query=query.encode() or None,
        presented=NOBODY,
        injection=injection,
        via=None,
        body=body,
        base=endpoint.base_path,
    )


def is_expected(body: bytes, expected: Mapping[str, Any]) -> bool:
    """Whether the JSON that was answered has these members; any body, where there are none."""
    if not expected:
        return True
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and all(found.get(name) == value for name, value in expected.items())
