"""Bodies that are read on their way back: asked for in a way that they can be, and told by what is said of them."""

from typing import Final

from exeat.wire.coding import KNOWN
from exeat.wire.fields import name_of, split_field
from exeat.wire.http1 import RequestHead, ResponseHead

IDENTITY: Final = b"Accept-Encoding: identity\r\n"
_CODINGS: Final = frozenset({b"accept-encoding"})
_NOT_AT_ALL: Final = frozenset({b"q=0", b"q=0.", b"q=0.0", b"q=0.00", b"q=0.000"})  # RFC 9110 §12.4.2
# Of a part alone, the end of a secret couldn't be told; who ignores Range sends the whole (RFC 9110 §14.2).
_CODINGS_AND_PARTS: Final = frozenset({b"accept-encoding", b"range", b"if-range"})
_DIGESTS: Final = frozenset({b"content-md5", b"digest", b"content-digest", b"repr-digest"})  # of bytes that change
_CODING: Final = frozenset({b"content-encoding"})
_WITHOUT_BODY: Final = frozenset({204, 304})
_PARTIAL: Final = 206


def ask_plainly(head: RequestHead, *, whole: bool) -> RequestHead:
    """The request, asking for an answer without a coding; for all of it, where it has to be `whole`."""
    without = _CODINGS_AND_PARTS if whole else _CODINGS
    fields = [line for line in head.fields if name_of(line) not in without]
    return RequestHead(
        head.method, head.target, head.is_1_1, [*fields, IDENTITY], head.known, head.length, head.chunked
    )


def ask_readably(head: RequestHead) -> RequestHead:
    """The request, asking for no coding but those that can be undone here; of these, those that its caller takes."""
    asked = [line for line in head.fields if name_of(line) in _CODINGS]
    items = [item.strip(b" \t") for line in asked for item in split_field(line)[1].split(b",")]
    kept = [item for item in items if _can_be_read(item)]
    if asked and len(kept) == len(items):
        return head
    line = b"Accept-Encoding: %b\r\n" % b", ".join(kept) if kept else IDENTITY
    fields = [*(line for line in head.fields if name_of(line) not in _CODINGS), line]
    return RequestHead(head.method, head.target, head.is_1_1, fields, head.known, head.length, head.chunked)


def _can_be_read(item: bytes) -> bool:
    """Whether a coding that a caller names, with its weight, is one that can be undone here."""
    coding, _, weight = item.lower().partition(b";")
    coding = coding.rstrip(b" \t")
    return coding in KNOWN or (coding == b"identity" and weight.strip(b" \t") not in _NOT_AT_ALL)


def has_content(method: bytes, response: ResponseHead) -> bool:
    """Whether an answer to a method has a body (RFC 9112 §6.3)."""
    return method != b"HEAD" and response.status not in _WITHOUT_BODY and response.length != 0


def is_json(response: ResponseHead) -> bool:
    """Whether a body is a whole JSON text, by its type (RFC 6839 for `+json`)."""
    kind = response.known.get(b"content-type", b"").partition(b";")[0].strip().lower()
    is_text = kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))
    return is_text and response.status != _PARTIAL


def coding_of(response: ResponseHead) -> bytes:
    """The coding of a body, all of them in order where there are several; empty for none."""
    values = [split_field(line)[1] for line in response.fields if name_of(line) in _CODING]
    coding = b",".join(values).strip(b" \t").lower()
    return b"" if coding == b"identity" else coding


def with_framing(response: ResponseHead, length: int | None, *, chunked: bool, decoded: bool) -> ResponseHead:
    """The head for a body that was altered: another length, no digests, and no coding where that was undone."""
    without = _DIGESTS | _CODING if decoded else _DIGESTS
    fields = [line for line in response.fields if name_of(line) not in without]
    return ResponseHead(response.status, response.reason, response.is_1_1, fields, response.known, length, chunked)
