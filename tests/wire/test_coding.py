"""Content codings undone while a body passes."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.wire.coding import EXPANDED_LIMIT_BYTES, Decoder

TEXT = b"some text, some text, some more text" * 50


def raw(content: bytes) -> bytes:
    """Deflate without zlib's frame, as some servers send it."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(content) + made.flush()


ENCODED = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "x-gzip": (b"x-gzip", gzip.compress(TEXT)),
    "gzip in two members": (b"gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    "deflate": (b"deflate", zlib.compress(TEXT)),
    "deflate without a frame": (b"deflate", raw(TEXT)),
}


@pytest.mark.parametrize(("coding", "encoded"), ENCODED.values(), ids=ENCODED)
@given(cuts=st.lists(st.integers(0, 200), max_size=5))
def test_any_slices(coding: bytes, encoded: bytes, cuts: list[int]) -> None:
    """However the bytes come, they stand for the same content."""
    decoder, found = Decoder(coding), b""
    for cut in cuts:
        found += decoder.feed(encoded[:cut])
        encoded = encoded[cut:]
    assert found + decoder.feed(encoded) + decoder.finish() == TEXT


def test_no_body() -> None:
    """A body without a byte is complete, whatever its coding."""
    assert Decoder(b"gzip").finish() == b""


REFUSED = {
    "no coding": (b"gzip", b"plain text", "isn't in the content coding"),
    "gzip cut": (b"gzip", gzip.compress(TEXT)[:-9], "ends in the middle"),
    "deflate cut": (b"deflate", zlib.compress(TEXT)[:-2], "ends in the middle"),
    "more after gzip": (b"gzip", gzip.compress(TEXT) + b"more", "isn't in the content coding"),
    "more after deflate": (b"deflate", zlib.compress(TEXT) + b"more", "goes on after"),
    "a bomb": (b"gzip", gzip.compress(bytes(2 * EXPANDED_LIMIT_BYTES)), "grows beyond"),
}


@pytest.mark.parametrize(("coding", "encoded", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(coding: bytes, encoded: bytes, says: str) -> None:
    """What isn't in its coding, isn't whole, or grows without measure is the upstream's fault."""
    with pytest.raises(GatewayError, match=says) as caught:
        decode(coding, encoded)
    assert caught.value.code == Code.UPSTREAM_MALFORMED


def decode(coding: bytes, encoded: bytes) -> bytes:
    decoder = Decoder(coding)
    return decoder.feed(encoded) + decoder.finish()
