"""What every test of an SDK may ask for: an authority, which the machine trusts, and no proxy or .netrc of its own."""

from pathlib import Path

import pytest

from tests.support.certificates import Authority

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all upstreams and listeners of the run."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture(autouse=True)
def _trust(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have SDKs trust the authority, as a user's machine would, and find nothing else in the environment."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(name, str(authority.file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
