"""Upstreams whose TLS goes wrong in ways that no certificate brings about."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from tests.support.origins import READ_BYTES, Peer

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf."
GARBAGE = b"\x17\x03\x03\x00\x20" + bytes(32)  # a record that nobody's key has made


class Spoken:
    """The server's side of a TLS connection whose records pass through the hands of the test."""

    def __init__(self, peer: Peer, context: ssl.SSLContext) -> None:
        self._peer = peer
        self._read, self._written = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._read, self._written, server_side=True)

    def _until_done(self, step: Callable[[], object]) -> None:
        """Do a step, and bring records to and fro for as long as it needs others."""
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._peer.sock.recv(READ_BYTES)
                if not data:
                    raise ConnectionError("the gateway closed") from None
                self._read.write(data)
            else:
                self._flush()
                return

    def _flush(self) -> None:
        self._peer.send(self._written.read())

    def take_request(self) -> None:
        """Shake hands, and read something of the request."""
        self._until_done(self._tls.do_handshake)
        self._until_done(lambda: self._tls.read(READ_BYTES))

    def send(self, data: bytes) -> None:
        """Send content."""
        self._tls.write(data)
        self._flush()

    def raise_alert(self) -> None:
        """Say, encrypted as everything is, that the gateway has sent something that can't be."""
        self._read.write(GARBAGE)
        try:
            self._tls.read(READ_BYTES)
        except ssl.SSLError:
            self._flush()


def alert_in_body(context: ssl.SSLContext) -> Callable[[Peer], None]:
    """Half of a body, then an alert and the end."""

    def greet(peer: Peer) -> None:
        spoken = Spoken(peer, context)
        spoken.take_request()
        spoken.send(HALF)
        spoken.raise_alert()
        peer.has_ended(1)
        peer.drop()

    return greet


def wants_certificate(context: ssl.SSLContext) -> Callable[[Peer], None]:
    """Say by an alert that there was no certificate, and go politely, so that it arrives."""

    def greet(peer: Peer) -> None:
        peer.sock = context.wrap_socket(peer.sock, server_side=True, do_handshake_on_connect=False)
        try:
            peer.sock.do_handshake()
        except ssl.SSLError:
            with suppress(OSError):
                while socket.socket.recv(peer.sock, READ_BYTES):  # what isn't read would become a reset
                    pass
        peer.drop()

    return greet


def stalls(peer: Peer) -> None:
    """Listen, and say nothing."""
    peer.has_ended()


def hangs_up(peer: Peer) -> None:
    """Go in the middle of the handshake."""
    peer.sock.recv(READ_BYTES)
    peer.drop()


def resets(peer: Peer) -> None:
    """Go before the handshake."""
    peer.reset()


def speaks_plaintext(peer: Peer) -> None:
    """Answer what isn't HTTP as a server of HTTP does."""
    peer.sock.recv(READ_BYTES)
    peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    peer.has_ended()
