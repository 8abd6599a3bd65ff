"""A marker planted wherever a secret can stand, or be put by mistake, is seen nowhere."""

import json
import pickle

import pytest

from exeat.config.problem import ConfigError
from tests.config.conftest import Desk

MARKER = "mArKeR7391x"
CREDENTIALS = [
    "{kind: bearer, secret: '%s'}",
    "{kind: basic, username: '%s'}",
    "{kind: basic, username: u, password: '%s'}",
    "{kind: header, name: X-Key, secret: '%s', prefix: 'Token '}",
    "{kind: query, name: key, secret: '%s'}",
]
MISTAKES = [
    "credential: '%s'",
    "credential: ['%s']",
    "credential: {kind: '%s'}",
    "credential: {kind: bearer, secret: ['%s']}",
    "credential: {kind: bearer, secret: {a: '%s'}}",
    'credential: {kind: bearer, secret: "%s\\nx"}',
    "credential: {kind: bearer, secret: ' %s'}",
    "credential: {kind: bearer, secret: 'Bearer %s'}",
    "credential: {kind: bearer, secret: '${%%s}'}",
    "credential: {kind: bearer, secret: !%s x}",
    "credential: {kind: bearer, secret: *%s}",
    "credential: {kind: bearer, secret: '%s}",
    "credential: {kind: bearer, secret: x, extra: '%s'}",
    "credential: {kind: basic, username: 'a:%s'}",
    "credential: {kind: header, name: 'a b %s', secret: x}",
    "url: 'https://u:%s@a.com'",
    "url: 'https://a.com/?key=%s'",
    "tls: {certificate: '%s', key: '%s'}",
    "tls: {ca: '-----BEGIN %s'}",
]
KEYS = ["{sha256: 'exeat_%s'}", "{sha256: '%s'}", "'%s'", "{sha256: ['%s']}", "{key: '%s'}", "{sha256: x, id: '%s!'}"]


def everything_shown(desk: Desk, text: str, **variables: str) -> str:
    """All that a person could see of a document: the problems, or what was loaded, in every spelling."""
    try:
        loaded = desk.load(text, **variables)
    except ConfigError as error:
        return f"{error}{error!r}{error.problems!r}{error.__context__!r}{error.__cause__!r}"
    shown = f"{loaded}{loaded!r}{dict(loaded.document)}{json.dumps(dict(loaded.document))}{loaded.warnings}"
    with pytest.raises(TypeError) as caught:
        pickle.dumps(loaded.snapshot)
    return shown + str(caught.value)


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize(
    "written",
    [MARKER, "${TOKEN}", "pre${TOKEN}", f"{MARKER}${{TOKEN}}"],
    ids=["literal", "reference", "within", "both"],  # the folder of a test is named after it, and is shown
)
def test_right_place(desk: Desk, credential: str, written: str) -> None:
    """A secret in its place, literal or referred to, is in no repr, display, warning or pickle."""
    text = f"upstreams: {{a: {{url: 'https://a.com', credential: {credential % written}}}}}\n"
    assert MARKER not in everything_shown(desk, text, TOKEN=MARKER)
    assert not desk.problems(text, {"TOKEN": MARKER})


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_place(desk: Desk, mistake: str) -> None:
    """A secret that a mistake has put elsewhere isn't in the problem that names the mistake."""
    text = "upstreams:\n  a:\n    url: https://a.com\n    " + mistake.replace("%s", MARKER).replace("%%s", "x")
    text = text.replace("url: https://a.com\n    url", "url")
    shown = everything_shown(desk, text + "\n")
    assert desk.problems(text + "\n")
    assert MARKER not in shown or "${" in mistake  # the name within ${…} is not the secret


@pytest.mark.parametrize("key", KEYS)
def test_keys(desk: Desk, key: str) -> None:
    """A key itself in place of its digest isn't shown again."""
    assert MARKER not in everything_shown(desk, f"consumers: {{c: {{keys: [{key.replace('%s', MARKER)}]}}}}\n")


@pytest.mark.parametrize(
    "text",
    [
        "upstreams: {a: {url: '${M}'}}",
        "upstreams: {a: {url: 'https://${M}/../'}}",
        "upstreams: {a: {endpoints: ['${M}', 'https://${M}!']}}",
        "upstreams: {a: {url: 'https://a.com', hosts: ['${M}'], methods: ['${M} '], paths: {deny: ['${M}']}}}",
        "upstreams: {a: {url: 'https://a.com', network: {private: ['${M}'], mode: '${M}'}, timeout: {idle: '${M}'}}}",
        "upstreams: {a: {url: 'https://a.com', tls: {ca: '${M}', server_name: '${M}:1'}}}",
        "upstreams: {a: {url: 'https://a.com', credential: '${M}'}}",
        "destinations: ['${M}:x', {host: '*${M}'}]",
        "consumers: {c: {grants: ['${M}', {upstream: '${M}'}, {destination: '${M}'}], networks: ['${M}']}}",
        "consumers: {c: {grants: [{upstream: '*', methods: ['${M} ']}], keys: [{sha256: '${M}', expires: '${M}'}]}}",
        "cors: {origins: ['${M}'], max_age: '${M}'}",
        "domains: ['${M}:']",
        "network: {nat64: ['${M}']}",
    ],
)
def test_referred_to_anywhere(desk: Desk, text: str) -> None:
    """Whatever a reference gives is kept out of problems, wherever in the document it stands."""
    shown = everything_shown(desk, text + "\n", M=MARKER)
    assert desk.problems(text + "\n", {"M": MARKER})
    assert MARKER not in shown
    assert MARKER.lower() not in shown
