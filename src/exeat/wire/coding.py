"""Content codings undone while a body passes: gzip and deflate (RFC 9110 §8.4.1)."""

import zlib
from typing import Final, final

from exeat.errors import Code, GatewayError

EXPANDED_LIMIT_BYTES: Final = 8 * 1024 * 1024  # of what comes at once; no honest body grows as much
_PIECE_BYTES: Final = 64 * 1024
_EITHER: Final = 32 + zlib.MAX_WBITS  # gzip and zlib, as the first bytes say
_RAW: Final = -zlib.MAX_WBITS  # what some servers call deflate
_ZLIB_BYTE: Final = 0x08  # the low half of zlib's first byte
KNOWN: Final = frozenset({b"gzip", b"x-gzip", b"deflate"})


@final
class Decoder:
    """Undoes one coding of one body; GatewayError where the body isn't in it."""

    def __init__(self, coding: bytes) -> None:
        self._is_deflate = coding == b"deflate"
        self._decoder = None if self._is_deflate else zlib.decompressobj(_EITHER)
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; what they stand for."""
        parts: list[bytes] = []
        left = EXPANDED_LIMIT_BYTES
        while data:
            decoder = self._decoder
            if decoder is None or decoder.eof:
                decoder = self._decoder = self._begin(data)
            self._has_begun = True
            try:
                part = decoder.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise _malformed("isn't in the content coding that it names") from error
            left -= len(part)
            if left < 0:
                raise _malformed(f"grows beyond {EXPANDED_LIMIT_BYTES} bytes at once")
            parts.append(part)
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        return b"".join(parts)

    def _begin(self, data: bytes) -> "zlib._Decompress":
        """The decoder for what begins here: of gzip, several may follow each other (RFC 1952 §2.2)."""
        if self._has_begun and self._is_deflate:
            raise _malformed("goes on after its content coding has ended")
        is_raw = self._is_deflate and data[0] & 0x0F != _ZLIB_BYTE
        return zlib.decompressobj(_RAW if is_raw else _EITHER)

    def finish(self) -> bytes:
        """The body is complete; GatewayError if the coding isn't."""
        if self._has_begun and self._decoder is not None and not self._decoder.eof:
            raise _malformed("ends in the middle of its content coding")
        return b""


def _malformed(fault: str) -> GatewayError:
    return GatewayError(Code.UPSTREAM_MALFORMED, f"The body of the upstream's answer {fault}.")
