"""How a client shows a token endpoint who it is (RFC 6749 §2.3, RFC 7523 §2.2)."""

import base64
from typing import NamedTuple
from urllib.parse import quote_plus

from exeat.model.secret import Secret
from exeat.model.token_source import Client, Parameters
from exeat.vault.tokens.assertion import sign_assertion

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFETIME_S = 300.0


class Shown(NamedTuple):
    """What a client shows: fields of the form, the value of Authorization, and which of that is secret."""

    form: list[tuple[str, str]]
    authorization: Secret | None
    secrets: tuple[Secret, ...]


def show(client: Client, *, audience: str, now: float, nonce: str) -> Shown:
    """What goes with a request of this client; `audience` is the endpoint's URL, for whom an assertion is made."""
    if client.key is not None:
        claims = {"iss": client.id, "sub": client.id, "aud": audience}
        signed = sign_assertion(client.key, claims, now=now, nonce=nonce, lifetime_s=_LIFETIME_S)
        form = [("client_id", client.id), ("client_assertion_type", ASSERTION_TYPE)]
        return Shown([*form, ("client_assertion", signed.reveal())], None, (signed,))
    if client.secret is None:
        return Shown([("client_id", client.id)], None, ())
    if client.auth == "basic":
        # Both are form-encoded before they are joined (§2.3.1), or a ':' in the id would end it.
        pair = f"{quote_plus(client.id)}:{quote_plus(client.secret.reveal())}"
        coded = base64.b64encode(pair.encode()).decode()
        return Shown([], Secret(f"Basic {coded}"), (client.secret, Secret(coded)))
    return Shown([("client_id", client.id), ("client_secret", client.secret.reveal())], None, (client.secret,))


def revealed(parameters: Parameters) -> list[tuple[str, str]]:
    """Parameters as they go into a form."""
    return [(name, value.reveal()) for name, value in parameters]
