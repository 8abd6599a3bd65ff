"""A gateway before upstreams that a test scripts, and the ways in which callers reach it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller


class Place(NamedTuple):
    """A gateway with two upstreams: `secure` speaks TLS, `clear` plaintext. One key may call both."""

    gateway: Gateway
    secure: Origin
    clear: Origin
    key: MadeKey
    context: ssl.SSLContext | None
    folder: Path

    @property
    def line(self) -> str:
        """The field line that holds the key."""
        return f"Exeat-Key: {self.key.key}"

    def caller(self, limit_s: float = 15.0, receive_buffer: int | None = None) -> RawCaller:
        """A new connection."""
        return RawCaller(self.gateway.port, context=self.context, limit_s=limit_s, receive_buffer=receive_buffer)

    def origin(self, name: str) -> Origin:
        """An upstream by its name."""
        return self.secure if name == "secure" else self.clear


@contextmanager
def placed(authority: Authority, folder: Path, *, tls: bool = False, **more: object) -> Iterator[Place]:
    """Make a place for the length of a block; `tls` has callers connect over TLS, `more` goes into both upstreams."""
    key = make_key()
    env = {"EXEAT_DRAIN_S": "1"}
    if tls:
        certificate, private = folder / "listener.pem", folder / "listener.key"
        authority.write_pair(certificate, private)
        env |= {"EXEAT_TLS_CERTIFICATE": str(certificate), "EXEAT_TLS_KEY": str(private)}
    with Origin(context=authority.server_context()) as secure, Origin() as clear:
        document = {
            "upstreams": {"secure": secure.entry(authority.file) | more, "clear": clear.entry() | more},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document, env) as gateway:
            context = authority.client_context() if tls else None
            yield Place(gateway, secure, clear, key, context, folder)
