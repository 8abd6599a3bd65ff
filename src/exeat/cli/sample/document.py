"""The document that `exeat demo` runs: the sample API as upstreams and a destination, and three consumers."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exeat.cli.sample.credentials import MODEL_FIELD, SHOP_USER, WEATHER_PARAMETER
from exeat.model.key import ALPHABET, ID_LENGTH, SECRET_LENGTH, NewKey, make_key

FILE = "exeat.yaml"
SECRETS = "secrets"

TEMPLATE = """\
# What `exeat demo` runs: read again whenever it changes, gone when the demo ends.
upstreams:
  notes:                                    # a token
    url: https://127.0.0.1:{notes}/v1/notes
    credential: {{kind: bearer, secret: "${{file:secrets/notes}}"}}
    network: {{private: [127.0.0.0/8]}}       # loopback is reachable only where an upstream says so
    tls: {{ca: ca.pem}}
  shop:                                     # user name and password
    url: https://127.0.0.1:{shop}/v1
    credential: {{kind: basic, username: {user}, password: "${{file:secrets/shop}}"}}
    paths: {{deny: ["/admin/**"]}}
    network: {{private: [127.0.0.0/8]}}
    tls: {{ca: ca.pem}}
  weather:                                  # a query parameter
    url: https://127.0.0.1:{weather}
    credential: {{kind: query, name: {parameter}, secret: "${{file:secrets/weather}}"}}
    methods: [GET, HEAD]
    network: {{private: [127.0.0.0/8]}}
    tls: {{ca: ca.pem}}
  model:                                    # a field of its own; speaks what OpenAI's SDKs speak
    url: https://127.0.0.1:{model}
    credential: {{kind: header, name: {field}, secret: "${{file:secrets/model}}"}}
    limits: [{{budget: 2 USD/day, price: 0.0125 USD}}]
    network: {{private: [127.0.0.0/8]}}
    tls: {{ca: ca.pem}}
  files:                                    # no credential at all; a short patience
    url: https://127.0.0.1:{files}
    credential: none
    timeout: {{response: 2s}}
    provider: {{mode: ignore}}                # its 429 and 503 are examples, not requests for a pause
    network: {{private: [127.0.0.0/8]}}
    tls: {{ca: ca.pem}}

destinations:                               # callable without a name; the caller brings its own credential
  - {{host: "localhost:{partner}", private: [127.0.0.0/8, "::1/128"]}}

consumers:
  demo:
    keys: [{{sha256: {demo_sha256}, id: {demo_id}}}]
    grants: [notes, shop, weather, model, files, destinations]
  guest:                                    # may read notes and the current weather, nothing else, and not often
    limits: [{{rate: 60/minute}}]
    keys: [{{sha256: {guest_sha256}, id: {guest_id}}}]
    grants: [{{upstream: notes, methods: [GET]}}, {{upstream: weather, paths: ["/current"]}}]
  traffic:                                  # the demo's own calls
    limits: [{{quota: 5000/hour}}]
    keys: [{{sha256: {traffic_sha256}, id: {traffic_id}}}]
    grants: [notes, weather, model, files, {{upstream: shop, methods: [GET]}}, destinations]
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """A key for each consumer."""

    demo: NewKey
    guest: NewKey
    traffic: NewKey


def make_keys() -> Keys:
    """New random keys."""
    return Keys(_make_key(), _make_key(), _make_key())


def _make_key() -> NewKey:
    return make_key(make_symbols(ID_LENGTH + SECRET_LENGTH))


def make_symbols(count: int) -> str:
    """Random symbols of the alphabet of keys."""
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def write_document(folder: Path, ports: Mapping[str, int], passwords: Mapping[str, str], keys: Keys) -> Path:
    """Write the document and the secrets that it refers to."""
    (folder / SECRETS).mkdir(mode=0o700)
    for name, secret in passwords.items():
        file = folder / SECRETS / name
        file.touch(mode=0o600)
        file.write_text(secret + "\n", encoding="utf-8")
    names = {"user": SHOP_USER, "parameter": WEATHER_PARAMETER, "field": MODEL_FIELD}
    digests = {
        f"{consumer}_{part}": getattr(key, part)
        for consumer, key in (("demo", keys.demo), ("guest", keys.guest), ("traffic", keys.traffic))
        for part in ("id", "sha256")
    }
    document = folder / FILE
    document.write_text(TEMPLATE.format(**ports, **names, **digests), encoding="utf-8")
    return document
