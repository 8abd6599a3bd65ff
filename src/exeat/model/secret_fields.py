"""Which fields of an upstream hold secrets: they are masked where it is shown, and sealed where it is written."""

from typing import Final

SECRET_FIELDS: Final = frozenset(
    {
        "secret",
        "password",
        "username",
        "client_secret",
        "refresh_token",
        "private_key",
        "key",
        "secret_key",
        "session_token",
        "application_key",
    }
)
# Everything in these may be a secret: only the upstream knows what its parameters are.
SECRET_MAPPINGS: Final = frozenset({"parameters"})


def holds_secret(path: tuple[str | int, ...]) -> bool:
    """Whether a value is a secret, by its path within the upstream."""
    if path == ("tls", "key"):
        return True
    if path[:1] != ("credential",):
        return False
    return path[-1] in SECRET_FIELDS or not SECRET_MAPPINGS.isdisjoint(path)
