"""A certificate authority for tests, and what it signs: real TLS on loopback with nothing turned off."""

import ssl
from pathlib import Path

import trustme


class Authority:
    """An authority whose certificate is a file: for `tls.ca` of an upstream, or SSL_CERT_FILE of the gateway."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for these names or addresses (127.0.0.1 and localhost by default)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issue(names).configure_cert(context)
        return context

    def write_pair(self, certificate: Path, key: Path, *names: str) -> None:
        """Write a certificate with its chain, and its key, as the files of a server."""
        issued = self._issue(names)
        key.write_bytes(issued.private_key_pem.bytes())
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.file))

    def _issue(self, names: tuple[str, ...]) -> trustme.LeafCert:
        return self._authority.issue_cert(*(names or ("127.0.0.1", "localhost")))
