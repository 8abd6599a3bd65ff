"""The JSON key file of a Google service account that doesn't exist, with a private key of this run."""

import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@cache
def google_key(token_uri: str = "https://oauth2.googleapis.com/token") -> str:  # noqa: S107 - an address
    """Its text."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "0123456789abcdef",
            "private_key": pem,
            "client_email": "exeat@acme.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": token_uri,
        }
    )
