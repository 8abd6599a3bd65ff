"""Upstreams that are a preset and a secret, called through a gateway as callers do."""

import json
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from exeat.config.presets import fill, read_preset
from tests.support.gateway import Gateway, make_key
from tests.support.preset_apis import standing
from tests.support.raw_caller import RawCaller

# One of each kind of credential, and of each place that it is shown in.
NAMES = ("anthropic", "aws-sqs", "datadog", "dropbox", "openweather", "slack", "telegram", "twilio", "zoom")


def test_each_kind_of_preset_is_called(tmp_path: Path) -> None:
    """The call that a preset describes, made by a caller with a key of the gateway, is accepted by the API."""
    key = make_key()
    with ExitStack() as stack:
        apis = {}
        for name in NAMES:
            (tmp_path / name).mkdir()
            apis[name] = stack.enter_context(standing(name, tmp_path / name))
        consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
        document = {"upstreams": {name: api.entry() for name, api in apis.items()}, "consumers": consumers}
        gateway = stack.enter_context(Gateway(document))
        for name in NAMES:
            call = read_preset(name).verify
            assert call is not None
            values = {one: quote(value, safe="") for one, value in apis[name].entry()["with"].items()}
            body = b"" if call.body is None else json.dumps(call.body).encode()
            lines = [f"{field}: {value}" for field, value in call.headers.items()]
            with RawCaller(gateway.port) as caller:
                target = f"/{name}{fill(call.path, values)}"
                answer = caller.call(call.method, target, f"Exeat-Key: {key.key}", *lines, body=body)
            assert (answer.status, b'"ok": true' in answer.body) == (200, True), (name, answer)
