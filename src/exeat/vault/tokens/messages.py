"""What is sent to a token endpoint, what it answers, and what becomes of that."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from exeat import __version__
from exeat.model.origin import Target
from exeat.model.secret import Secret
from exeat.model.token_source import TokenSource

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request for a token, always a POST; `secrets` mustn't be repeated in what is said of the answer."""

    source: TokenSource
    target: Target
    body: Secret
    secrets: tuple[Secret, ...]
    content_type: Literal["application/x-www-form-urlencoded", "application/json"] = FORM
    accept: str = JSON
    authorization: Secret | None = None
    more: tuple[tuple[str, str], ...] = ()

    def render_head(self) -> bytes:
        """The head, as the connection takes it; it holds secrets."""
        origin, path, query = self.target
        fields = {
            "Host": origin.authority,
            "Content-Type": self.content_type,
            "Content-Length": str(len(self.body.octets)),
            "Accept": self.accept,
            "Accept-Encoding": "identity",
            "User-Agent": f"Exeat/{__version__}",
            **dict(self.more),
            "Connection": "close",
        }
        if self.authorization is not None:
            fields["Authorization"] = self.authorization.reveal()
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        where = (path or b"/") if query is None else (path or b"/") + b"?" + query
        return b"POST " + where + b" HTTP/1.1\r\n" + lines.encode() + b"\r\n"


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """An answer of a token endpoint: its status, its fields as lines (`Name: value`), its whole body."""

    status: int
    fields: Iterable[bytes]
    body: bytes

    def field(self, name: bytes) -> str | None:
        """The value of a field by its lower-case name, or None."""
        for line in self.fields:
            found, _, value = line.partition(b":")
            if found.lower() == name:
                return value.strip().decode("latin-1")
        return None

    def __repr__(self) -> str:
        return f"TokenAnswer({self.status}, …)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A token and its life in seconds (None: nobody says); `refresh_token` takes the old one's place."""

    token: Secret
    expires_in_s: float | None
    refresh_token: Secret | None = None


class TokenError(Exception):
    """Why there is no token.

    `reason` is a sentence for callers and logs alike; `detail` is what the endpoint itself says of it, for logs, with
    every secret taken out. `is_passing`: the same request may work later by itself. `again_in_s` is when the endpoint
    allows another. `server_time` is the endpoint's clock (s since 1970) where the request failed because of another
    one here: repeat it at once with that time.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_passing: bool,
        again_in_s: float | None = None,
        detail: str = "",
        server_time: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_passing = is_passing
        self.again_in_s = again_in_s
        self.detail = detail
        self.server_time = server_time
