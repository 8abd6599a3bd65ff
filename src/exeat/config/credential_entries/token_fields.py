"""The types of fields that say how a token is fetched: what each accepts, and how the JSON Schema describes it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args

from pydantic import PlainValidator, WithJsonSchema

from exeat.config.fields import SECRET_SCHEMA, from_text, text_schema
from exeat.config.grammar import CONTROLS, lower_first, parse_duration
from exeat.errors import GatewayError
from exeat.model.origin import Target
from exeat.model.secret import Secret
from exeat.model.token_source import ALGORITHMS, ClientAuth
from exeat.vault.tokens.assertion import parse_private_key
from exeat.wire.target import parse_url

SHORTEST_S, LONGEST_S = 10.0, 24 * 3600.0
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 §3.3
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_OWN_CLAIMS: Final = {
    "iss": "issuer",
    "sub": "subject",
    "aud": "audience",
    "iat": "lifetime",
    "exp": "lifetime",
}


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """What the key file of a Google service account holds."""

    email: str
    private_key: Secret
    key_id: str | None
    token_url: Target | None


def parse_token_url(text: str) -> Target:
    """Where tokens are given; its query, where it has one, is part of it."""
    if "@" in text.partition("//")[2].partition("/")[0]:
        raise ValueError("holds user information ('user:password@'); write client_id and client_secret instead")
    if "#" in text:
        raise ValueError("holds a fragment, which is never sent; remove it")
    try:
        return parse_url(text.encode())
    except GatewayError as error:
        raise ValueError(f"isn't a URL as in https://host[:port]/path: {lower_first(error.detail)}") from None


def _word(value: object) -> str:
    """Text in one line; a number is taken as its text, for ids that are numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("must be text; quote it")  # noqa: TRY004 - pydantic collects ValueError
    if not value:
        raise ValueError("is empty; write a value, or remove the line")
    if CONTROLS.search(value):
        raise ValueError("holds a control character (a line break?)")
    return value


def _id(value: object) -> str:
    text = _word(value)
    if not _ID.fullmatch(text):
        raise ValueError("isn't an id (digits, letters, '.', '_' and '-')")
    return text


def _number(value: object) -> str:
    text = _word(value)
    if not _NUMBER.fullmatch(text):
        raise ValueError("isn't the number of an installation, which stands at the end of its settings' URL")
    return text


def _secret(value: object) -> Secret:
    text = _word(value)
    if text != text.strip():
        raise ValueError("begins or ends with white space")
    if text.startswith("\ufeff"):
        raise ValueError("begins with a byte order mark, which nobody sees; take it off")
    return Secret(text)


def _scope(value: object) -> str:
    """Names with spaces between, or a list of names."""
    listed = value if isinstance(value, list) else _word(value).split(" ")
    if not listed:
        raise ValueError("is an empty list; list something, or remove the line")
    for name in listed:
        if not isinstance(name, str) or not _SCOPE.fullmatch(name):
            raise ValueError("must be names with one space between them, or a list of names (RFC 6749)")
    return " ".join(listed)


def _words(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise ValueError("is an empty list; list something, or remove the line")
    return tuple(_word(item) for item in listed)


def _parameters(value: object) -> tuple[tuple[str, Secret], ...]:
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of names to text, as in {account_id: …}")  # noqa: TRY004
    found = []
    for name, item in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError("has a name that isn't one of letters, digits, '.', '_' and '-'")
        if isinstance(item, bool) or not isinstance(item, str | int):
            raise ValueError("has a value that isn't text; quote it")  # noqa: TRY004
        found.append((name, Secret(str(item))))
    return tuple(found)


def _claims(value: object) -> str:
    """An object of claims as JSON text."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of claims to values")  # noqa: TRY004
    for name, instead in _OWN_CLAIMS.items():
        if name in value:
            raise ValueError(f"has '{name}'; write '{instead}' beside it instead")
    return json.dumps(value, allow_nan=False)


def _lifetime(value: object) -> float:
    seconds = parse_duration(value)
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise ValueError("write a duration from 10s to 24h; most servers take no more than 5m or 1h")
    return seconds


def _repositories(value: object) -> tuple[str, ...]:
    names = _words(value)
    if not all(_NAME.fullmatch(name) for name in names):
        raise ValueError("must be names of repositories without their owner, as in [web, api]")
    return names


def _permissions(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not value:
        raise ValueError("must be a mapping of permissions, as in {contents: read}")
    for name, level in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z_]{1,100}", name) or level not in _LEVELS:
            raise ValueError("must be names as GitHub spells them, each read, write or admin, as in {contents: read}")
    return tuple(sorted(value.items()))


_LEVELS: Final = ("read", "write", "admin")


def _service_account(value: object) -> ServiceAccountKey:
    """The JSON text of a key file, never quoted."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be the content of the key's JSON file, as in ${file:/run/secrets/google.json}")
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(
            "isn't JSON; give the whole content of the key's JSON file, as in ${file:/run/secrets/google.json}"
        ) from None
    if not isinstance(found, dict) or found.get("type") != "service_account":
        raise ValueError("isn't the key of a service account (its 'type' must be 'service_account')")
    return _read_key(found)


def _read_key(found: Mapping[str, Any]) -> ServiceAccountKey:
    email, private_key, key_id = (found.get(name) for name in ("client_email", "private_key", "private_key_id"))
    if not isinstance(email, str) or not email or not isinstance(private_key, str):
        raise ValueError("has no 'client_email' or no 'private_key'; download the key again")
    try:
        key = parse_private_key(private_key)
    except ValueError as error:
        raise ValueError(f"has a 'private_key' that {error}") from None
    url = found.get("token_uri")
    try:
        target = parse_token_url(url) if isinstance(url, str) else None
    except ValueError as error:
        raise ValueError(f"has a 'token_uri' that {error}") from None
    return ServiceAccountKey(email, key, key_id if isinstance(key_id, str) and key_id else None, target)


def _algorithm(value: object) -> str:
    if value in ALGORITHMS:
        return str(value)
    raise ValueError(f"write one of {', '.join(ALGORITHMS)}")


def _auth(value: object) -> str:
    if value in CLIENT_AUTHS:
        return str(value)
    raise ValueError(f"write one of {', '.join(CLIENT_AUTHS)}")


_STRINGS: Final = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
CLIENT_AUTHS: Final[tuple[ClientAuth, ...]] = get_args(ClientAuth)

TokenUrlField = Annotated[
    Target, PlainValidator(from_text(parse_token_url)), text_schema("https://login.example.com/oauth2/token")
]
WordField = Annotated[str, PlainValidator(_word), WithJsonSchema({"type": "string", "minLength": 1})]
IdField = Annotated[
    str,
    PlainValidator(_id),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}], "examples": ["12345"]}),
]
NumberField = Annotated[
    str,
    PlainValidator(_number),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer", "minimum": 1}], "examples": [77]}
    ),
]
ClientSecretField = Annotated[Secret, PlainValidator(_secret), SECRET_SCHEMA]
PrivateKeyField = Annotated[
    Secret,
    PlainValidator(from_text(parse_private_key)),
    WithJsonSchema({"type": "string", "examples": ["${file:/run/secrets/key.pem}"]}),
]
AlgorithmField = Annotated[str, PlainValidator(_algorithm), WithJsonSchema({"enum": list(ALGORITHMS)})]
ClientAuthField = Annotated[ClientAuth, PlainValidator(_auth), WithJsonSchema({"enum": list(CLIENT_AUTHS)})]
ScopeField = Annotated[
    str,
    PlainValidator(_scope),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, _STRINGS], "examples": ["read write"]}),
]
WordsField = Annotated[
    tuple[str, ...],
    PlainValidator(_words),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, _STRINGS]}),
]
ParametersField = Annotated[
    tuple[tuple[str, Secret], ...],
    PlainValidator(_parameters),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
ClaimsField = Annotated[
    str, PlainValidator(_claims), WithJsonSchema({"type": "object", "examples": [{"scope": "signature"}]})
]
LifetimeField = Annotated[
    float,
    PlainValidator(_lifetime),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)?$", "examples": ["5m"]}),
]
RepositoriesField = Annotated[tuple[str, ...], PlainValidator(_repositories), WithJsonSchema(_STRINGS)]
PermissionsField = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_permissions),
    WithJsonSchema({"type": "object", "additionalProperties": {"enum": list(_LEVELS)}}),
]
ServiceAccountField = Annotated[
    ServiceAccountKey,
    PlainValidator(_service_account),
    WithJsonSchema({"type": "string", "examples": ["${file:/run/secrets/google.json}"]}),
]
