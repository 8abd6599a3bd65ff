"""The admin API of another process, asked over HTTP at EXEAT_CONTROL_URL with the token in EXEAT_CONTROL_TOKEN."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from exeat.cli.admin.api import ApiAwayError
from exeat.config.settings import Settings

CONNECT_S = 10.0
ANSWER_S = 120.0  # a document of 64 MiB is read and compiled first
UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class Remote:
    """A connection to it."""

    where: str
    client: httpx.Client

    def send(
        self, method: str, path: str, *, params: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> httpx.Response:
        """The answer; ApiAwayError if there is none."""
        try:
            return self.client.request(method, path, params=params, headers=headers, content=content)
        except (httpx.HTTPError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ApiAwayError(f"EXEAT_CONTROL_URL: {self.where} can't be reached: {reason}") from error


@contextmanager
def open_remote(settings: Settings, url: str) -> Iterator[Remote]:
    """A client for a block; the proxies that the environment names aren't for it."""
    token = "" if settings.control_token is None else settings.control_token.reveal()
    socket = url.removeprefix(UNIX) if url.startswith(UNIX) else None
    transport = httpx.HTTPTransport(uds=socket) if socket else httpx.HTTPTransport(verify=trust_of(settings))
    with httpx.Client(
        base_url="http://localhost" if socket else url,
        headers={"Authorization": f"Bearer {token}"},
        transport=transport,
        timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        trust_env=False,
    ) as client:
        yield Remote(url, client)


def trust_of(settings: Settings) -> ssl.SSLContext:
    """Whose certificates are believed: as for upstreams."""
    file, folder = settings.ssl_cert_file, settings.ssl_cert_dir
    context = ssl.create_default_context(
        cafile=None if file is None else str(settings.directory / file),
        capath=None if folder is None else str(settings.directory / folder),
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
