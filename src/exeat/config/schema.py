"""The JSON Schema of the document (2020-12), made of its classes: what editors complete and check by."""

import json
from typing import Any

from exeat.config.document import Document
from exeat.config.grammar import NAME

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = {"pattern": f"^{NAME.pattern}$"}
EXAMPLE: dict[str, Any] = {
    "upstreams": {
        "github": {
            "url": "https://api.github.com",
            "credential": {"kind": "bearer", "secret": "${GITHUB_TOKEN}"},
            "limits": [{"rate": "5000/hour"}],
        },
        "stripe": {
            "url": "https://api.stripe.com",
            "credential": {"kind": "basic", "username": "${file:/run/secrets/stripe}"},
            "paths": {"allow": ["/v1/**"], "deny": ["/v1/accounts/**"]},
            "limits": [{"budget": "200 USD/month", "price": "0.005 USD"}],
        },
        "openai": {
            "url": "https://api.openai.com",
            "credential": {"kind": "bearer", "secret": "${OPENAI_API_KEY}"},
            "timeout": {"connect": "5s", "response": "120s", "idle": "300s", "total": "off"},
            "limits": [{"concurrency": 20, "wait": "2s"}],
        },
        "billing": {
            "endpoints": ["https://billing-a.internal:8443", "https://billing-b.internal:8443"],
            "network": {"private": ["10.1.2.0/24"]},
            "tls": {
                "ca": "/etc/exeat/internal-ca.pem",
                "certificate": "/etc/exeat/me.pem",
                "key": "${file:/etc/exeat/me.key}",
            },
        },
    },
    "destinations": [
        "api.example.com",
        "*.example.org",
        "partner.example.net:8443",
        {"host": "*.corp.example", "private": ["10.0.0.0/8"]},
    ],
    "consumers": {
        "web-shop": {
            "keys": [{"sha256": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}],
            "grants": [
                "github",
                {"upstream": "stripe", "methods": ["GET", "POST"], "paths": ["/v1/charges/**"]},
                {"destination": "*.example.org"},
            ],
            "limits": [{"rate": "100/minute", "burst": 20}, {"quota": "50_000/month"}],
            "networks": ["10.0.0.0/8"],
        }
    },
}


def build_schema() -> dict[str, Any]:
    """The schema as data."""
    schema: dict[str, Any] = _without_null(Document.model_json_schema())
    for section in ("upstreams", "consumers"):
        schema["properties"][section]["propertyNames"] = NAMES
    return {"$schema": DIALECT, **schema, "title": "Exeat document", "examples": [EXAMPLE]}


def render_schema() -> str:
    """The schema as it is published."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False) + "\n"


def _without_null(node: Any) -> Any:
    """A field is written with a value or left out: null is no value."""
    if isinstance(node, list):
        return [_without_null(item) for item in node if item != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    kept = {name: _without_null(item) for name, item in node.items() if not (name == "default" and item is None)}
    match kept.get("anyOf"):
        case [only]:
            return {**only, **{name: item for name, item in kept.items() if name != "anyOf"}}
        case _:
            return kept
