"""A request on its way out whose credential is made of the request itself: what can be signed, and filled in."""

from typing import NamedTuple


class Outgoing(NamedTuple):
    """The head of an outgoing request in its parts, and its body where that is here as a whole.

    `lines` are the fields as ready lines (`name: value` with CRLF), without Host and framing; a credential is added
    to them. `framing` are the lines that frame a body that streams past (`body` is None then).
    """

    method: bytes
    host: bytes
    path: bytes
    query: bytes | None
    lines: list[bytes]
    body: bytes | None
    framing: bytes = b""

    @property
    def target(self) -> bytes:
        """Path and query, as in the request line."""
        return self.path if self.query is None else b"%b?%b" % (self.path, self.query)


def render(outgoing: Outgoing) -> bytes:
    """The head as it leaves; a body that is here is framed by its length."""
    body, framing = outgoing.body, outgoing.framing
    if body is not None:
        # A request of such a method has a length even when it is empty (RFC 9110 §8.6).
        framing = b"Content-Length: %d\r\n" % len(body) if body or framing else b""
    fields = b"".join(outgoing.lines)
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (
        outgoing.method, outgoing.target, outgoing.host, fields, framing,
    )  # fmt: skip
