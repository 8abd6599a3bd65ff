"""Whatever a document's secrets become, on the way to a snapshot or on the way to a complaint, none is printed.

Every object that can be reached from a loaded configuration is printed in every way that Python has.
"""

import copy
import json
import pickle
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from pprint import pformat

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exeat.config.compile import load
from exeat.config.document import Upstream
from exeat.config.environment import merge_environment
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings
from exeat.config.sources import read_file, read_variables
from exeat.model.key import Presented, make_key
from exeat.policy.rewrite import echoes, scrub
from tests.support.gateway import make_key as make_registered_key
from tests.support.gateway import run_exeat
from tests.support.markers import MARKERS, PUBLIC_LENGTH
from tests.support.secret_search import holds, pieces_in

SECRETS = {
    name: MARKERS.make(f"secret {name}")
    for name in (
        *("bearer", "user", "password", "header", "query", "environment", "file", "dotenv", "private"),
        *("path", "cookie", "body", "several field", "several cookie", "hmac", "client", "refresh", "aws", "session"),
        *("pooled field", "pooled path"),
    )
}
PRIVATE_KEY = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode("ascii")
)
SECRETS["key"] = MARKERS.add("a line of a private key", PRIVATE_KEY.splitlines()[5])
ACCOUNT = {
    "type": "service_account",
    "client_email": "robot@project.example",
    "private_key_id": "1",
    "private_key": PRIVATE_KEY,
    "token_uri": "https://token.example",
}
CLIENT = {"token_url": "https://token.example", "client_id": "me", "client_secret": SECRETS["client"]}
CREDENTIALS: Mapping[str, object] = {
    "bearer": {"kind": "bearer", "secret": SECRETS["bearer"]},
    "basic": {"kind": "basic", "username": SECRETS["user"], "password": SECRETS["password"]},
    "header": {"kind": "header", "name": "X-Token", "secret": SECRETS["header"], "prefix": "Token "},
    "query": {"kind": "query", "name": "token", "secret": SECRETS["query"]},
    "environment": {"kind": "bearer", "secret": "${TOKEN_OF_THE_TEST}"},
    "file": {"kind": "bearer", "secret": "${file:token}"},
    "dotenv": {"kind": "bearer", "secret": "${DOTENV_OF_THE_TEST}"},
    "path": {"kind": "path", "prefix": "/bot", "secret": SECRETS["path"]},
    "cookie": {"kind": "cookie", "name": "session", "secret": SECRETS["cookie"]},
    "body": {"kind": "body", "name": "token", "secret": SECRETS["body"]},
    "hmac": {"kind": "hmac", "secret": SECRETS["hmac"]},
    "client": {"kind": "oauth2-client-credentials", **CLIENT, "parameters": {"more": SECRETS["client"]}},
    "refresh": {"kind": "oauth2-refresh-token", **CLIENT, "refresh_token": SECRETS["refresh"]},
    "jwt": {"kind": "jwt-bearer", "token_url": "https://t.example", "issuer": "me", "private_key": PRIVATE_KEY},
    "github": {"kind": "github-app", "app_id": "1", "installation_id": "2", "private_key": PRIVATE_KEY},
    "google": {"kind": "google-service-account", "key": json.dumps(ACCOUNT), "scope": "all"},
    "aws": {
        "kind": "aws-sigv4",
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "secret_key": SECRETS["aws"],
        "session_token": SECRETS["session"],
        "region": "eu-west-1",
        "service": "s3",
    },
    "caller": {"kind": "caller"},
    "none": {"kind": "none"},
    "pool": {
        "kind": "pool",
        "members": [
            {"kind": "header", "name": "X-Token", "secret": SECRETS["pooled field"], "weight": 2},
            {"kind": "path", "prefix": "/bot", "secret": SECRETS["pooled path"]},
        ],
    },
    "several": [
        {"kind": "header", "name": "X-Token", "secret": SECRETS["several field"]},
        {"kind": "cookie", "name": "session", "secret": SECRETS["several cookie"]},
        {"kind": "hmac", "secret": SECRETS["hmac"]},
    ],
}
KEY = make_registered_key()


def _tried(act: Callable[[], object]) -> str:
    """What it says if it fails, and what it gives if not."""
    try:
        return str(act())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is printed
        return "".join(traceback.format_exception(error))


def _raised(value: object) -> str:
    """A traceback that shows the value of every variable in its frames."""
    try:
        _refuse(value)
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return ""


def _refuse(value: object) -> None:
    raise ValueError(value) from KeyError(value)


SHOW: Mapping[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "pformat": pformat,
    "f-string": lambda value: f"{value}",
    "f-string repr": lambda value: f"{value!r:>10}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - the old way is one of the ways
    "json": lambda value: json.dumps([value], default=str, skipkeys=True),
    "orjson": lambda value: _tried(lambda: orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS)),
    "pickle": lambda value: _tried(lambda: pickle.dumps(value)),
    "deepcopy": lambda value: _tried(lambda: copy.deepcopy(value)),
    "traceback": lambda value: "".join(traceback.format_exception(ValueError(value))),
    "traceback of a cause": _raised,
}
DATA = frozenset({"json", "orjson", "pickle", "deepcopy"})  # these ask for all that is in a value


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A document with a secret from every source, of every kind of credential."""
    folder = tmp_path_factory.mktemp("values")
    (folder / "token").write_text(SECRETS["file"] + "\n")
    (folder / ".env").write_text(f"DOTENV_OF_THE_TEST={SECRETS['dotenv']}\n")
    variables = {"TOKEN_OF_THE_TEST": SECRETS["environment"]}
    document = document_of(CREDENTIALS)
    (folder / "exeat.yaml").write_text(json.dumps(document))
    MARKERS.add_document(document, folder, variables)
    return read_settings(variables, folder)


def document_of(credentials: Mapping[str, object]) -> dict[str, object]:
    """A document with an upstream for each credential."""
    return {
        "upstreams": {
            name: {"url": f"https://{name}.example", "credential": credential}
            for name, credential in credentials.items()
        },
        "consumers": {"web": {"keys": [{"sha256": KEY.sha256}], "grants": ["*"]}},
    }


def reached(value: object, seen: dict[int, object]) -> Iterator[object]:
    """A value and all that can be reached from it, each object once; not what a secret itself is made of."""
    if id(value) in seen or isinstance(value, str | bytes | int | float | re.Pattern):
        return
    seen[id(value)] = value
    yield value
    inner: Iterable[object] = ()
    if isinstance(value, Mapping):
        inner = (*value.keys(), *value.values())
    elif isinstance(value, tuple | list | frozenset | set):
        inner = value
    elif is_dataclass(value):
        inner = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, Upstream):
        inner = [getattr(value, name) for name in type(value).model_fields]
    for each in inner:
        yield from reached(each, seen)


def assert_silent(said: str) -> None:
    """No secret stands in a text, nor a piece of one."""
    for text in (*SECRETS.values(), KEY.key[PUBLIC_LENGTH:]):
        assert pieces_in(said.encode("utf-8", "surrogatepass"), text) == []


@pytest.mark.parametrize("way", SHOW)
def test_every_object_of_a_configuration(settings: Settings, way: str) -> None:
    """No object on the way from the settings to the snapshot shows a secret, however it is printed."""
    loaded = load(settings)
    assert_silent("".join(SHOW[way](value) for value in (settings, settings.environment()) if way not in DATA))
    entry = Upstream.model_validate({"url": "https://a.example", "credential": CREDENTIALS["bearer"]})
    values = list(reached((loaded, entry), {}))
    kinds = {type(value).__name__ for value in values}
    assert {"Loaded", "Snapshot", "Upstream", "Injection", "Secret", "Bearer", "Route"} <= kinds
    for value in values:
        assert_silent(SHOW[way](value))


@pytest.mark.parametrize("way", [way for way in SHOW if way not in DATA])
def test_a_key_that_was_presented(way: str) -> None:
    """What a request showed is known without being printed; so is a key when it is made."""
    text = KEY.key.encode()
    made = make_key("k" * 44)
    assert_silent(SHOW[way](Presented(text, frozenset({b"exeat-key"}), None)))
    assert made.key not in SHOW[way](made)
    assert made.id in SHOW[way](made)


FAULTS: Mapping[str, Callable[[str], Mapping[str, object]]] = {
    "an unknown field": lambda text: {"kind": "bearer", "secret": text, "sceret": text},
    "an unknown kind": lambda text: {"kind": text, "secret": text},
    "a field of another kind": lambda text: {"kind": "bearer", "secret": text, "password": text},
    "a list": lambda text: {"kind": "bearer", "secret": [text]},
    "a mapping": lambda text: {"kind": "bearer", "secret": {text: text}},
    "a line break": lambda text: {"kind": "bearer", "secret": f"{text}\n"},
    "a carriage return": lambda text: {"kind": "header", "name": "X-A", "secret": f"a\r{text}"},
    "a header of its own": lambda text: {"kind": "header", "name": "X-A", "secret": f"{text}\r\nX-B: {text}"},
    "a NUL": lambda text: {"kind": "query", "name": "a", "secret": f"{text}\0"},
    "white space around": lambda text: {"kind": "bearer", "secret": f" {text} "},
    "a space within": lambda text: {"kind": "bearer", "secret": f"{text} {text}"},
    "the word Bearer": lambda text: {"kind": "bearer", "secret": f"Bearer {text}"},
    "a colon in the username": lambda text: {"kind": "basic", "username": f"{text}:", "password": text},
    "a break in the password": lambda text: {"kind": "basic", "username": text, "password": f"{text}\n{text}"},
    "a break in the prefix": lambda text: {"kind": "header", "name": "X-A", "prefix": f"{text}\n", "secret": text},
    "a name that is none": lambda text: {"kind": "header", "name": f"X {text}", "secret": text},
    "a parameter's break": lambda text: {"kind": "query", "name": f"{text}\n", "secret": text},
    "a reference to nowhere": lambda text: {"kind": "bearer", "secret": "${file:/nowhere/}" + text},
    "half a reference": lambda text: {"kind": "bearer", "secret": "${" + text},
    "an unknown reference": lambda text: {"kind": "bearer", "secret": "${secret:" + text + "}"},
    "no name of the vault": lambda text: {"kind": "bearer", "secret": "${vault:" + text + "}"},
    "a cookie that ends early": lambda text: {"kind": "cookie", "name": "a", "secret": f"{text};{text}"},
    "a prefix that is none": lambda text: {"kind": "path", "prefix": text, "secret": text},
    "a member in a wrong format": lambda text: {"kind": "body", "name": text, "secret": text, "format": text},
    "a key in no encoding": lambda text: {"kind": "hmac", "secret": f"{text}!", "key_encoding": "base64"},
    "a template with it": lambda text: {"kind": "hmac", "secret": text, "template": f"{{{text}}}"},
    "a signed field with it": lambda text: {"kind": "hmac", "secret": text, "headers": {"X-A": f"{{{text}}}"}},
    "a signed field named so": lambda text: {"kind": "hmac", "secret": text, "headers": {f"X {text}": "{signature}"}},
    "a private key that is none": lambda text: {
        "kind": "github-app",
        "app_id": "1",
        "installation_id": "2",
        "private_key": text,
    },
    "a service account that is none": lambda text: {"kind": "google-service-account", "key": text, "scope": "all"},
    "a way to show it that is none": lambda text: {
        "kind": "oauth2-client-credentials",
        **CLIENT,
        "client_secret": text,
        "auth": text,
    },
    "a region with it": lambda text: {
        "kind": "aws-sigv4",
        "access_key": "AK",
        "secret_key": text,
        "region": f"{text}!",
        "service": "s3",
    },
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_documents(fault: str, tmp_path: Path) -> None:
    """A document with a fault beside a secret, or in one, is refused, and the complaint doesn't repeat it."""
    document = document_of({**CREDENTIALS, "faulty": FAULTS[fault](SECRETS["private"])})
    (tmp_path / "exeat.yaml").write_text(json.dumps(document))
    (tmp_path / "token").write_text(SECRETS["file"])
    variables = {"TOKEN_OF_THE_TEST": SECRETS["environment"], "DOTENV_OF_THE_TEST": SECRETS["dotenv"]}
    MARKERS.add_document(document, tmp_path, variables)
    with pytest.raises(ConfigError) as caught:
        load(read_settings(variables, tmp_path))
    assert "upstreams.faulty" in str(caught.value)
    for show in SHOW.values():
        assert_silent(show(caught.value))
    chain: BaseException | None = caught.value
    while chain is not None:
        assert_silent("".join(traceback.format_exception(chain)))
        chain = chain.__cause__ or chain.__context__


def test_faults_in_what_is_written_around_documents(tmp_path: Path) -> None:
    """Neither YAML that can't be parsed, nor a `.env` or variables that can't be read, are quoted."""
    text = SECRETS["private"]
    for content in (f"upstreams: {{a: {{credential: {text}", f"{text}: [", f"a: b\n  {text}", f"&{text} a: *{text}x"):
        file = tmp_path / "broken.yaml"
        MARKERS.add_input(file, tmp_path / ".env")
        file.write_text(content)
        assert_silent(str([str(problem) for problem in read_file(file, "broken.yaml").problems]))
    (tmp_path / ".env").write_text(f"TOKEN '{text}'\n{text}\nA='{text}\n")
    environment = merge_environment({"EXEAT_UPSTREAMS__A__CREDENTIAL": "{" + text}, tmp_path)
    problems = [*environment.problems, *read_variables(environment).problems]
    assert len(problems) > 3
    assert_silent(str([str(problem) for problem in problems]) + repr(environment))


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "--json"),
        ("schema",),
        *[
            ("explain", KEY.key, "GET", f"/{name}/things", "--no-dns")
            for name in ("basic", "query", "file", "path", "cookie", "body", "hmac", "several", "client", "aws", "pool")
        ],
        ("explain", KEY.key, "GET", f"/path/bot{KEY.key}/things", "--no-dns"),
        ("explain", KEY.key, "GET", "/header/", "--json", "--no-dns", "-H", "X-Token: mine"),
        ("explain", KEY.key, "GET", "/nothing/", "--no-dns"),
        ("explain", KEY.key[:-1], "GET", "/bearer/", "--no-dns"),
    ],
    ids=lambda arguments: " ".join(word for word in arguments if word != KEY.key[:-1]).replace(KEY.key, "KEY"),
)
def test_commands(arguments: tuple[str, ...], settings: Settings) -> None:
    """No command says a secret of its document, nor the key that it was asked about."""
    env = {"TOKEN_OF_THE_TEST": SECRETS["environment"]}
    done = run_exeat(*arguments, cwd=settings.directory, env=env)
    assert done.returncode in {0, 3}, done.stderr
    assert_silent(done.stdout + done.stderr)


def test_the_snapshot_knows_its_secrets(settings: Settings) -> None:
    """The secrets were there to be shown: each one leaves with its upstream's credential, and is found in answers."""
    upstreams = load(settings).snapshot.upstreams
    owners = {"user": "basic", "password": "basic", "several field": "several", "several cookie": "several"}
    owners |= {"pooled field": "pool", "pooled path": "pool"}
    for name in set(SECRETS) - {"private", "hmac", "client", "refresh", "aws", "session", "key"}:
        credential, text = upstreams[owners.get(name, name).encode()].credential, SECRETS[name]
        parts = (credential, *(member.injection for member in credential.members))
        leaving = [each for part in parts for each in (part.lines, part.segment, *part.cookies)]
        leaving += [pair for _, pair in credential.pairs]
        leaving += [] if credential.filling is None else [credential.filling.secret]
        assert any(each is not None and holds(each.octets, text) for each in leaving)
        line = f"X-Echo: {text}\r\n".encode()
        assert echoes(line, credential.needles)
        assert scrub([line], credential.needles) == [b"X-Echo: [redacted]\r\n"]
