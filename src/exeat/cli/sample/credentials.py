"""What each service checks before it answers: its own credential is there, and no Exeat key is.

The second check is what the demonstration shows: a caller's key never reaches an upstream.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from exeat.cli.sample.message import Refusal, Request

SHOP_USER = "shop-demo"
WEATHER_PARAMETER = "appid"
MODEL_FIELD = "x-api-key"
KEY = re.compile(r"exeat_[0-9A-Za-z]{12}_[0-9A-Za-z]")
MASK = "(the right secret)"

Check = Callable[[Request, str], bool]


def _bearer(request: Request, secret: str) -> bool:
    return request.fields.get("authorization") == f"Bearer {secret}"


def _basic(request: Request, secret: str) -> bool:
    return request.fields.get("authorization") == f"Basic {_pair(secret)}"


def _pair(secret: str) -> str:
    return base64.b64encode(f"{SHOP_USER}:{secret}".encode()).decode()


def _query(request: Request, secret: str) -> bool:
    return request.query.get(WEATHER_PARAMETER) == [secret]


def _field(request: Request, secret: str) -> bool:
    return request.fields.get(MODEL_FIELD) == secret and "authorization" not in request.fields


def _none(request: Request, secret: str) -> bool:
    del secret
    return "authorization" not in request.fields and MODEL_FIELD not in request.fields


def _callers_own(request: Request, secret: str) -> bool:
    del secret
    return request.fields.get("authorization", "").startswith("Bearer ")


CHECKS: Mapping[str, Check] = {
    "notes": _bearer,
    "shop": _basic,
    "weather": _query,
    "model": _field,
    "files": _none,
    "partner": _callers_own,
}


def check(service: str, request: Request, secret: str) -> None:
    """Refuse a request without this service's credential (401)."""
    if not CHECKS[service](request, secret):
        message = f"The credential of '{service}' is missing or wrong."
        raise Refusal(401, message, {"WWW-Authenticate": f'Bearer realm="{service}"'})


def holds_key(head: str) -> bool:
    """Whether there is an Exeat key anywhere in a head: plain, percent-encoded, or within Basic credentials.

    Bodies aren't searched: they are the caller's, and the gateway passes them as they are.
    """
    text = unquote(head)
    return any(KEY.search(spelling) for spelling in (text, *_basic_pairs(text)))


def _basic_pairs(text: str) -> list[str]:
    pairs = []
    for token in re.findall(r"(?i)\bbasic +([A-Za-z0-9+/_=-]+)", text):
        try:
            pairs.append(base64.b64decode(token + "==").decode("latin-1"))
        except binascii.Error:
            continue
    return pairs


def mask(text: str, secret: str) -> str:
    """`text` without the secret in it."""
    return text.replace(secret, MASK).replace(_pair(secret), MASK)
