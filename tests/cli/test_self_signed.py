"""The certificate that the gateway makes for itself."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from exeat.cli.self_signed import RENEW, VALID, ensure_pair

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_it_names_what_callers_may_use(tmp_path: Path) -> None:
    """localhost, both loopback addresses, and what the gateway listens on; never the unspecified address."""
    certificate, _ = ensure_pair(tmp_path, ["192.0.2.7", "gateway.example", "0.0.0.0", "::"], NOW)  # noqa: S104
    names = read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "gateway.example"} <= set(names.get_values_for_type(x509.DNSName))
    addresses = set(names.get_values_for_type(x509.IPAddress))
    assert addresses == {ip_address(text) for text in ("127.0.0.1", "::1", "192.0.2.7")}


def test_it_is_used_until_it_is_old(tmp_path: Path) -> None:
    """The same certificate serves until shortly before its end; then there is another."""
    certificate, _ = ensure_pair(tmp_path, [], NOW)
    first = read(certificate)
    ensure_pair(tmp_path, [], NOW + VALID - RENEW - timedelta(days=1))
    assert read(certificate) == first
    ensure_pair(tmp_path, [], NOW + VALID - RENEW)
    assert read(certificate) != first


def test_another_name_needs_another_certificate(tmp_path: Path) -> None:
    """One that doesn't list a name that is needed won't do."""
    certificate, _ = ensure_pair(tmp_path, [], NOW)
    first = read(certificate)
    ensure_pair(tmp_path, ["192.0.2.7"], NOW)
    assert read(certificate) != first


def test_half_a_pair_is_made_again(tmp_path: Path) -> None:
    """A key that is gone, or isn't the certificate's, doesn't stop the start."""
    certificate, key = ensure_pair(tmp_path, [], NOW)
    first = read(certificate)
    key.unlink()
    ensure_pair(tmp_path, [], NOW)
    second = read(certificate)
    assert second != first
    other = ensure_pair(tmp_path / "other", [], NOW)[1]
    key.write_bytes(other.read_bytes())
    ensure_pair(tmp_path, [], NOW)
    assert read(certificate) != second


def test_only_the_owner_reads_the_key(tmp_path: Path) -> None:
    """The key has mode 0600 from its first moment, its folder 0700."""
    folder = tmp_path / "data"
    _, key = ensure_pair(folder, [], NOW)
    assert key.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name for file in folder.iterdir()} == {"self-signed.pem", "self-signed.key"}
